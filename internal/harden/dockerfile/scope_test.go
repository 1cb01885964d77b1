package dockerfile

import "testing"

// TestScope holds what the Dockerfile reference says of variables, of stages and of what
// an instruction may name.
func TestScope(t *testing.T) {
	digest := "@sha256:" + exampleDigest
	testRules(t, []ruleCase{
		{"from_sees_no_arg_of_a_stage", "HIG-D001", "FROM x:1\nARG B=y:1\nFROM $B\n", "failed@3"},
		{"from_with_an_undeclared_tag", "HIG-D003", "FROM x$TAG\n", "failed@1"},
		{"from_with_a_declared_tag", "HIG-D003", "ARG TAG\nFROM x:$TAG\n", "undecided@2"},
		{"from_with_an_argument_as_suffix", "HIG-D003", "ARG V\nFROM x$V\n", "failed@2"},
		{"from_with_an_argument_as_prefix", "HIG-D002", "ARG P\nFROM ${P}x:1@sha256:" + exampleDigest + "\n", "passed@0"},
		{"from_with_an_argument_as_registry", "HIG-D001", "ARG R\nFROM $R/x:1\n", "undecided@2"},
		{"from_default_in_place", "HIG-D003", "ARG T\nFROM x:${T:-latest}\n", "failed@2"},
		{"from_default_in_place_of_the_unset", "HIG-D003", "ARG T\nFROM x:${T-1.2}\n", "passed@0"},
		{"from_alternative", "HIG-D003", "ARG T=1\nFROM x:${T:+latest}\n", "failed@2"},
		{"from_prefix_removed", "HIG-D003", "ARG T=xlatest\nFROM x:${T#x}\n", "failed@2"},
		{"from_suffix_removed", "HIG-D003", "ARG T=latest-x\nFROM x:${T%-x}\n", "failed@2"},
		{"from_pattern_replaced", "HIG-D003", "ARG T=la-te-st\nFROM x:${T//-/}\n", "failed@2"},
		{"longer_name_is_another", "HIG-D003", "ARG T\nARG TAG=1\nFROM x:${T:-a}$TAG\n", "passed@0"},

		{"platform_of_the_build", "HIG-D001", "FROM --platform=$BUILDPLATFORM x:1\nFROM --platform=${TARGETOS}/${TARGETARCH} x:1\n", "passed@0"},
		{"platform_that_nobody_declares", "HIG-D001", "FROM --platform=$BUILDPLATFROM x:1\n", "failed@1"},
		{"platform_from_arg_without_value", "HIG-D001", "ARG P\nFROM --platform=$P x:1\n", "passed@0"},
		{"user_from_arg_without_value", "HIG-D005", "FROM x:1\nARG U\nUSER $U\n", "undecided@3"},
		{"user_from_the_base's_environment", "HIG-D005", "FROM x:1\nUSER ${APP_USER}\n", "undecided@2"},
		{"user_with_default_in_place", "HIG-D005", "FROM x:1\nARG U\nUSER ${U:-0}\n", "failed@3"},
		{"user_with_a_group_from_arg", "HIG-D005", "FROM x:1\nARG G\nUSER 1000:$G\n", "passed@0"},
		{"user_from_global_arg_needs_declaration", "HIG-D005", "ARG U=1000\nFROM x:1\nUSER $U\n", "undecided@3"},
		{"user_from_global_arg", "HIG-D005", "ARG U=0\nFROM x:1\nARG U\nUSER $U\n", "failed@4"},
		{"user_number_with_a_group_from_arg", "HIG-D006", "FROM x:1\nARG G\nUSER 1000:$G\n", "passed@0"},
		{"workdir_from_arg_without_value", "HIG-D030", "FROM x:1\nARG W\nWORKDIR $W\n", "undecided@3"},
		{"expose_several_from_arg", "HIG-D028", "FROM x:1\nARG P=\"8080 80\"\nEXPOSE $P\n", "failed@3"},
		{"expose_ssh_from_arg", "HIG-D024", "FROM x:1\nARG P=22\nEXPOSE $P\n", "failed@3"},
		{"add_from_arg", "HIG-D011", "FROM x:1\nARG S\nADD $S /s\n", "not-applicable@0"},
		{"add_from_arg_may_fetch", "HIG-D010", "FROM x:1\nARG S\nADD $S /s\n", "undecided@3"},

		{"secret_in_a_global_arg", "HIG-D014", "ARG NPM_TOKEN\nFROM x:1\n", "failed@1"},
		{"secret_argument_from_another", "HIG-D014", "FROM x:1\nARG API_TOKEN=$T\n", "failed@2"},
		{"connection_string", "HIG-D014", "FROM x:1\nENV DB=\"Server=db;User Id=sa;Password=hunter22;\"\n", "failed@2"},
		{"connection_string_with_a_variable", "HIG-D014", "FROM x:1\nARG P\nENV DB=\"Server=db;User Id=sa;Password=$P;\"\n", "passed@0"},
		{"secret_in_a_global_arg_silenced", "HIG-D014", "# imagegate: ignore HIG-D014 a name of a public feed\nARG NPM_TOKEN\nFROM x:1\n", "not-applicable@2"},

		{"copy_from_a_number_that_is_none", "HIG-D001", "FROM x:1\nCOPY --from=7 /a /a\n", "failed@2"},
		{"copy_from_its_own_stage", "HIG-D001", "FROM x:1 AS a\nCOPY --from=a /a /b\n", "failed@2"},
		{"copy_from_a_later_stage", "HIG-D001", "FROM x:1\nCOPY --from=b /a /b\nFROM x:1 AS b\n", "failed@2"},
		{"mount_from_a_later_stage", "HIG-D001", "FROM x:1\nRUN --mount=from=b,target=/b true\nFROM x:1 AS b\n", "failed@2"},
		{"copy_from_a_variable", "HIG-D001", "ARG B=x:1\nFROM x:1\nCOPY --from=$B /a /b\n", "failed@3"},
		{"onbuild_copy_names_another_file's_stage", "HIG-D001", "FROM x:1\nONBUILD COPY --from=0 /a /b\n", "passed@0"},
		{"onbuild_copy_from_image", "HIG-D002", "FROM scratch\nONBUILD COPY --from=busybox:1 /a /b\n", "failed@2"},
		{"mount_from_pinned_image", "HIG-D002", "FROM scratch\nRUN --mount=from=busybox:1" + digest + ",target=/b true\n", "passed@0"},
		{"expose_out_of_range", "HIG-D001", "FROM x:1\nEXPOSE 80000\n", "failed@2"},
		{"expose_unknown_protocol", "HIG-D001", "FROM x:1\nEXPOSE 80/icmp\n", "failed@2"},
		{"expose_range_backwards", "HIG-D001", "FROM x:1\nEXPOSE 90-80\n", "failed@2"},
		{"expose_forms", "HIG-D001", "FROM x:1\nARG P\nEXPOSE 80 443/TCP 5000-5010/udp 127.0.0.1:9090:9090 $P\n", "passed@0"},

		{"onbuild_runs_in_the_stage_on_top", "HIG-D005", "FROM x:1 AS a\nONBUILD USER 1000\nFROM a\n", "passed@0"},
		{"onbuild_runs_once", "HIG-D005", "FROM x:1 AS a\nONBUILD USER 1000\nFROM a AS b\nUSER 0\nFROM b\n", "failed@4"},
		{"entrypoint_resets_the_cmd_below", "HIG-D009", "FROM x:1 AS a\nCMD [\"npm\", \"start\"]\nFROM a\nENTRYPOINT [\"/app\"]\n", "passed@0"},
		{"last_cmd_counts", "HIG-D009", "FROM x:1\nCMD [\"npm\", \"start\"]\nCMD [\"/app\"]\n", "passed@0"},

		{"byte_order_mark", "HIG-D003", "\ufeffFROM x\r\nUSER 1\r\n", "failed@1"},
		{"crlf_and_continuation", "HIG-D012", "FROM x:1\r\nENV A=b \\\r\n  C=d\r\nRUN apt-get install -y \\\r\n # why\r\n  git\r\n", "failed@4"},
		{"crlf_heredoc", "HIG-D012", "FROM x:1\r\nRUN <<EOF\r\napt-get install -y git\r\nEOF\r\nRUN apk add curl\r\n", "failed@2 failed@5"},
		{"heredoc_env_with_options", "HIG-D012", "FROM x:1\nRUN <<EOF\n#!/usr/bin/env -S bash -e\napt-get install -y git\nEOF\n", "failed@2"},
		{"several_heredocs", "HIG-D012", "FROM x:1\nRUN bash <<A && sh <<B\ntrue\nA\napt-get install -y git\nB\n", "failed@2"},
	})
}
