package dockerfile

import "testing"

// TestFinalImage holds what the final image is made of and how it starts.
func TestFinalImage(t *testing.T) {
	commit := "0123456789012345678901234567890123456789"
	testRules(t, []ruleCase{
		{"user_zero_with_sign", "HIG-D005", "FROM x:1\nUSER +0\n", "failed@2"},
		{"user_many_zeros", "HIG-D005", "FROM x:1\nUSER 000:1\n", "failed@2"},
		{"administrator", "HIG-D005", "FROM x:1\nUSER ContainerAdministrator\n", "failed@2"},

		{"jdk_tag", "HIG-D007", "FROM eclipse-temurin:21-jdk-alpine\n", "failed@1"},
		{"jre_tag", "HIG-D007", "FROM eclipse-temurin:21-jre\n", "passed@0"},
		{"openjdk", "HIG-D007", "FROM openjdk:21\n", "failed@1"},
		{"copy_of_everything_by_pattern", "HIG-D007", "FROM x:1 AS b\nFROM x:1\nCOPY --from=b /* /\n", "failed@3"},
		{"copy_of_a_root_below", "HIG-D007", "FROM x:1 AS b\nFROM x:1\nCOPY --from=b / /rootfs\n", "passed@0"},
		{"built_and_removed", "HIG-D007", "FROM x:1\nRUN apt-get install -y gcc && make && apt-get purge -y --auto-remove gcc\n", "passed@0"},
		{"built_and_all_unneeded_removed", "HIG-D007", "FROM x:1\nRUN apt-get install -y gcc && make && apt-get purge -y --auto-remove\n", "passed@0"},
		{"removed_by_variable", "HIG-D007", "FROM x:1\nRUN apk add gcc && apk del $DEPS\n", "passed@0"},
		{"something_else_removed", "HIG-D007", "FROM x:1\nRUN apt-get install -y gcc && apt-get remove -y curl\n", "failed@2"},
		{"group_of_tools", "HIG-D007", "FROM x:1\nRUN yum groupinstall -y 'Development Tools'\n", "failed@2"},

		{"exec_npm", "HIG-D009", "FROM x:1\nCMD exec npm start\n", "failed@2"},
		{"exec_node", "HIG-D009", "FROM x:1\nCMD cd /app && exec node a.js\n", "passed@0"},
		{"sh_c_exec_npm", "HIG-D009", "FROM x:1\nCMD [\"bash\", \"-eo\", \"pipefail\", \"-c\", \"exec npm start\"]\n", "failed@2"},
		{"exec_behind_a_pipe", "HIG-D009", "FROM x:1\nCMD [\"sh\", \"-c\", \"a | exec b\"]\n", "failed@2"},
		{"npm_behind_env", "HIG-D009", "FROM x:1\nCMD [\"env\", \"A=b\", \"npm\", \"start\"]\n", "failed@2"},
		{"npm_behind_gosu", "HIG-D009", "FROM x:1\nENTRYPOINT [\"gosu\", \"app\", \"npm\", \"start\"]\n", "failed@2"},
		{"program_behind_gosu", "HIG-D009", "FROM x:1\nENTRYPOINT [\"gosu\", \"app\", \"node\"]\n", "passed@0"},
		{"healthcheck_shell_that_is_not_there", "HIG-D017", "FROM gcr.io/distroless/static:nonroot\nHEALTHCHECK CMD [\"sh\", \"-c\", \"a\"]\n", "failed@2"},
		{"healthcheck_curl_that_is_not_there", "HIG-D017", "FROM scratch\nHEALTHCHECK CMD [\"curl\", \"-f\", \"x\"]\n", "failed@2"},
		{"healthcheck_wget_that_is_copied", "HIG-D017", "FROM scratch\nCOPY --from=b /bin/busybox /bin/wget\nHEALTHCHECK CMD [\"wget\", \"x\"]\n", "passed@0"},
		{"healthcheck_shell_below", "HIG-D017", "FROM scratch AS a\nFROM a\nHEALTHCHECK CMD /a\n", "failed@3"},

		{"git_commit_in_the_query", "HIG-D010", "FROM x:1\nADD https://host/a/b.git?tag=v1&commit=" + commit + " /x\n", "passed@0"},
		{"git_tag_in_the_query", "HIG-D010", "FROM x:1\nADD https://host/a/b.git?tag=v1 /x\n", "failed@2"},
		{"git_commit_and_directory", "HIG-D010", "FROM x:1\nADD https://host/a/b.git#" + commit + ":docs /x\n", "passed@0"},
		{"checksum_from_arg", "HIG-D010", "FROM x:1\nARG SUM\nADD --checksum=$SUM https://host/a /x\n", "undecided@3"},

		{"chown_of_a_relative_copy", "HIG-D019", "FROM x:1\nWORKDIR /app\nCOPY . .\nRUN chown -R 1:1 .\n", "failed@4"},
		{"chown_of_the_workdir", "HIG-D019", "FROM x:1\nWORKDIR /app\nCOPY . .\nRUN chown -R 1:1 /app\n", "failed@4"},
		{"chown_of_what_the_stage_below_copied", "HIG-D019", "FROM x:1 AS a\nCOPY a /a\nFROM a\nRUN chown 1 /a\n", "failed@4"},
		{"chown_of_something_else", "HIG-D019", "FROM x:1\nWORKDIR /app\nCOPY . .\nRUN mkdir /data && chown 1:1 /data\n", "passed@0"},
		{"copy_with_exclude", "HIG-D020", "FROM x:1\nCOPY --exclude=.git --exclude=.env* . .\n", "not-applicable@0"},
		{"copy_with_part_excluded", "HIG-D020", "FROM x:1\nCOPY --exclude=.git . .\n", "failed@2"},
		{"empty_labels", "HIG-D021", "FROM x:1\nLABEL org.opencontainers.image.source=\"\" org.opencontainers.image.revision=\"\"\n", "failed@1"},
		{"label_from_an_empty_argument", "HIG-D021", "FROM x:1\nARG R=\nLABEL org.opencontainers.image.source=x org.opencontainers.image.revision=$R\n", "passed@0"},
		{"quoted_label_keys", "HIG-D021", "FROM x:1\nLABEL \"org.opencontainers.image.source\"=\"x\" \"org.opencontainers.image.revision\"=\"y\"\n", "passed@0"},

		{"sudo_by_path", "HIG-D023", "FROM x:1\nRUN /usr/bin/sudo x\n", "failed@2"},
		{"sudo_starts_it", "HIG-D023", "FROM x:1\nCMD [\"sudo\", \"x\"]\n", "failed@2"},
		{"sudoers", "HIG-D023", "FROM x:1\nRUN echo 'a ALL=(ALL) NOPASSWD:ALL' >> /etc/sudoers.d/a\n", "failed@2"},
		{"sshd_in_shell_form", "HIG-D024", "FROM x:1\nCMD /usr/sbin/sshd -D\n", "failed@2"},
		{"sshd_as_a_service", "HIG-D024", "FROM x:1\nRUN service ssh start\n", "failed@2"},
		{"expose_range_around_ssh", "HIG-D024", "FROM x:1\nEXPOSE 20-25\n", "failed@2"},
		{"install_mode_attached", "HIG-D026", "FROM x:1\nRUN install -m777 a b\n", "failed@2"},
		{"mkdir_long_mode", "HIG-D026", "FROM x:1\nRUN mkdir --mode=777 /x\n", "failed@2"},
		{"chmod_by_find", "HIG-D026", "FROM x:1\nRUN find / -type f -exec chmod 4755 {} \\;\n", "failed@2"},
		{"setuid_removed_by_find", "HIG-D026", "FROM x:1\nRUN find / -perm /6000 -exec chmod a-s {} +\n", "passed@0"},
		{"umask", "HIG-D026", "FROM x:1\nRUN umask 000 && touch /x\n", "failed@2"},
	})
}
