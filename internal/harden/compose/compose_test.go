package compose

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/imagegate/imagegate/internal/harden/check"
	"github.com/imagegate/imagegate/internal/report"
)

// files makes a file system of text: one compose.yaml, or a txtar archive.
func files(text string) fstest.MapFS {
	m := fstest.MapFS{}
	if a := txtar.Parse([]byte(text)); len(a.Files) > 0 {
		for _, f := range a.Files {
			m[f.Name] = &fstest.MapFile{Data: f.Data}
		}
		return m
	}
	m["compose.yaml"] = &fstest.MapFile{Data: []byte(text)}
	return m
}

func lint(t testing.TB, text string) []report.Check {
	t.Helper()
	m := files(text)
	names := []string{"compose.yaml"}
	if m["compose.override.yaml"] != nil {
		names = append(names, "compose.override.yaml")
	}
	p, err := Load(t.Context(), m, names, Options{})
	if err != nil && p == nil {
		var le *LoadError
		if !errors.As(err, &le) {
			t.Fatalf("Load: %T is no *LoadError: %v", err, err)
		}
		return Refused(le)
	}
	return Run(p)
}

func of(results []report.Check, id string) string {
	var out []string
	for _, r := range results {
		if r.ID == id {
			s := fmt.Sprintf("%s@%d", r.State, r.Line)
			if r.Location != "compose.yaml" {
				s += ":" + r.Location
			}
			out = append(out, s)
		}
	}
	return strings.Join(out, " ")
}

func TestChecksAreDocumented(t *testing.T) {
	if err := check.ValidateAll(Checks()); err != nil {
		t.Error(err)
	}
}

func TestExamples(t *testing.T) {
	for _, c := range Checks() {
		t.Run(c.ID, func(t *testing.T) {
			if bad := of(lint(t, c.Bad), c.ID); !strings.HasPrefix(bad, report.CheckFailed) {
				t.Errorf("the bad example of %s gives %q, want failed", c.ID, bad)
			}
			if good := of(lint(t, c.Good), c.ID); good != report.CheckPassed+"@0" {
				t.Errorf("the good example of %s gives %q, want one pass", c.ID, good)
			}
		})
	}
}

const head = "services:\n  a:\n    image: x:1\n"

func TestRules(t *testing.T) {
	for _, tt := range []struct{ name, id, file, want string }{
		{"services_as_list", "HIG-C001", "services:\n  - name: x\n", "failed@2"},
		{"no_image", "HIG-C001", "services:\n  a:\n    ports: [\"80\"]\n", "failed@2"},
		{"no_image_and_privileged", "HIG-C008", "services:\n  a:\n    privileged: true\n", "failed@3"},
		{"undefined_network_and_privileged", "HIG-C008", head + "    networks: [gone]\n    privileged: true\n", "failed@5"},
		{"undefined_volume", "HIG-C001", head + "    volumes: [\"data:/x\"]\n", "failed@4"},
		{"syntax", "HIG-C001", "services:\n  a: [\n", "failed@"},
		{"service_is_a_list", "HIG-C001", "services:\n  a:\n    image: x:1\n  ports:\n    - 80\n", "failed@4"},
		{"undefined_dependency", "HIG-C001", head + "    depends_on: [gone]\n", "failed@4"},
		{"undefined_secret", "HIG-C001", head + "    secrets: [gone]\n", "failed@4"},
		{"bind_of_unset_variable", "HIG-C009", head + "    volumes: [\"${MEDIA}:/media\"]\n    network_mode: host\n", "failed@5"},
		{"missing_env_file", "HIG-C001", head + "    env_file: [app.env]\n", "undecided@4"},
		{"optional_env_file", "HIG-C001", head + "    env_file:\n      - path: app.env\n        required: false\n", "passed@0"},
		{"env_file_outside", "HIG-C001", head + "    env_file: [../../etc/passwd]\n", "undecided@4"},

		{"override_fixes", "HIG-C008", "-- compose.yaml --\n" + head + "    privileged: true\n-- compose.override.yaml --\nservices:\n  a:\n    privileged: !reset false\n", "passed@0"},
		{"override_breaks", "HIG-C008", "-- compose.yaml --\n" + head + "-- compose.override.yaml --\nservices:\n  a:\n    privileged: true\n", "failed@3:compose.override.yaml"},
		{"extends_in_file", "HIG-C008", "services:\n  base:\n    image: x:1\n    privileged: true\n  a:\n    extends: base\n", "failed@5 failed@4"},
		{"extends_other_file", "HIG-C008", "-- compose.yaml --\nservices:\n  a:\n    extends:\n      file: common/base.yaml\n      service: base\n-- common/base.yaml --\nservices:\n  root:\n    image: x:1\n    privileged: true\n  base:\n    extends: root\n", "failed@2"},
		{"extends_with_anchor", "HIG-C004", "-- compose.yaml --\nservices:\n  a:\n    extends: {file: b.yaml, service: b}\n-- b.yaml --\nx-caps: &c [SYS_ADMIN]\nservices:\n  b:\n    image: x:1\n    cap_add: *c\n", "failed@2"},
		{"extends_cycle", "HIG-C001", "-- compose.yaml --\nservices:\n  a:\n    extends: {file: compose.yaml, service: a}\n", "failed@3"},
		{"extends_outside", "HIG-C001", "services:\n  a:\n    extends: {file: /etc/passwd, service: a}\n", "failed@3"},
		{"extends_above", "HIG-C001", "services:\n  a:\n    extends: {file: ../../x.yaml, service: a}\n", "failed@3"},
		{"profile_is_checked", "HIG-C008", head + "    profiles: [debug]\n    privileged: true\n", "failed@5"},
		{"anchors_and_merge", "HIG-C008", "x-d: &d\n  privileged: true\nservices:\n  a:\n    <<: *d\n    image: x:1\n", "failed@2"},
		{"variable_with_default", "HIG-C008", head + "    privileged: ${PRIV:-true}\n", "failed@4"},
		{"variable_from_dotenv", "HIG-C009", "-- compose.yaml --\n" + head + "    network_mode: $MODE\n-- .env --\nMODE=host\n", "failed@4"},
		{"required_variable_without_value", "HIG-C008", head + "    hostname: ${H:?please}\n", "passed@0"},

		{"nnp_with_equals", "HIG-C002", head + "    security_opt: [no-new-privileges=true]\n", "passed@0"},
		{"nnp_bare", "HIG-C002", head + "    security_opt: [no-new-privileges]\n", "passed@0"},
		{"nnp_false", "HIG-C002", head + "    security_opt: [\"no-new-privileges:false\"]\n", "failed@4"},
		{"cap_drop_lower_case", "HIG-C003", head + "    cap_drop: [all]\n", "passed@0"},
		{"cap_add_prefixed", "HIG-C004", head + "    cap_add: [CAP_SYS_PTRACE]\n", "failed@4"},
		{"cap_add_all", "HIG-C004", head + "    cap_add: [ALL]\n", "failed@4"},
		{"tmpfs_volume_without_size", "HIG-C006", head + "    volumes:\n      - type: tmpfs\n        target: /t\n", "failed@5"},
		{"tmpfs_none", "HIG-C006", head, "not-applicable@0"},
		{"user_zero", "HIG-C007", head + "    user: \"0:0\"\n", "failed@4"},
		{"user_unset", "HIG-C007", head, "undecided@2"},
		{"pid_host", "HIG-C009", head + "    pid: host\n", "failed@4"},
		{"network_of_another_service", "HIG-C009", head + "    network_mode: \"service:b\"\n  b:\n    image: y:1\n", "passed@0"},
		{"socket_long_form", "HIG-C010", head + "    volumes:\n      - type: bind\n        source: /run/docker.sock\n        target: /s\n        read_only: true\n", "failed@5"},
		{"socket_of_containerd", "HIG-C010", head + "    volumes: [\"/run/k3s/containerd/containerd.sock:/s\"]\n", "failed@4"},
		{"socket_of_a_user", "HIG-C010", head + "    volumes: [\"/run/user/1000/podman/podman.sock:/s\"]\n", "failed@4"},
		{"socket_of_a_program", "HIG-C010", head + "    volumes: [\"/run/mysqld/mysqld.sock:/s\"]\n", "passed@0"},
		{"etc_is_sensitive", "HIG-C011", head + "    volumes: [\"/etc/pihole:/etc/pihole\"]\n", "failed@4"},
		{"localtime_is_not", "HIG-C011", head + "    volumes: [\"/etc/localtime:/etc/localtime:ro\"]\n", "passed@0"},
		{"root_of_host", "HIG-C011", head + "    volumes: [\"/:/host:ro\"]\n", "failed@4"},
		{"port_without_host_port", "HIG-C012", head + "    ports: [\"80\"]\n", "failed@4"},
		{"port_ipv6_loopback", "HIG-C012", head + "    ports: [\"[::1]:80:80\"]\n", "passed@0"},
		{"port_any", "HIG-C012", head + "    ports: [\"0.0.0.0:80:80\"]\n", "failed@4"},
		{"port_public_address", "HIG-C012", head + "    ports: [\"203.0.113.5:443:8443\"]\n", "passed@0"},
		{"port_long_form", "HIG-C012", head + "    ports:\n      - target: 80\n        published: \"8080\"\n        host_ip: 127.0.0.1\n", "passed@0"},
		{"propagation_long_form", "HIG-C027", head + "    volumes:\n      - type: bind\n        source: $DATA/x\n        target: /x\n        bind:\n          propagation: shared\n", "failed@5"},
		{"propagation_of_nothing", "HIG-C027", head + "    volumes: [\"vol:/x\"]\nvolumes:\n  vol:\n", "not-applicable@0"},
		{"no_ports", "HIG-C012", head, "not-applicable@0"},
		{"database_on_loopback", "HIG-C013", head + "    ports: [\"127.0.0.1:5432:5432\"]\n", "passed@0"},
		{"limits_in_deploy", "HIG-C014", head + "    deploy:\n      resources:\n        limits: {cpus: \"0.5\", memory: 50M, pids: 10}\n", "passed@0"},
		{"pids_in_deploy", "HIG-C015", head + "    deploy:\n      resources:\n        limits: {pids: 10}\n", "passed@0"},
		{"healthcheck_missing", "HIG-C016", head, "failed@2"},
		{"restart_no_is_a_policy", "HIG-C017", head + "    restart: \"no\"\n", "passed@0"},
		{"image_with_placeholder", "HIG-C018", "services:\n  a:\n    image: dhi.io/x:<tag>\n", "undecided@3"},
		{"image_built_here", "HIG-C018", "services:\n  a:\n    build: .\n    image: mine\n", "not-applicable@0"},
		{"image_of_unset_variable", "HIG-C019", "services:\n  a:\n    image: \"${IMAGE}\"\n    build: .\n", "not-applicable@0"},

		{"secret_in_list", "HIG-C020", head + "    environment:\n      - DB_PASSWORD=hunter2\n", "failed@5"},
		{"secret_from_environment", "HIG-C020", head + "    environment:\n      - DB_PASSWORD=${PW}\n      - OTHER_TOKEN\n", "passed@0"},
		{"secret_as_default", "HIG-C020", head + "    environment:\n      DB_PASSWORD: ${PW:-changeme}\n", "failed@5"},
		{"secret_file", "HIG-C020", head + "    environment:\n      DB_PASSWORD_FILE: /run/secrets/db\n", "passed@0"},
		{"secret_from_dotenv", "HIG-C020", "-- compose.yaml --\n" + head + "    environment:\n      DB_PASSWORD: ${PW}\n-- .env --\nPW=hunter2\n", "passed@0"},
		{"secret_in_env_file", "HIG-C020", "-- compose.yaml --\n" + head + "    env_file: app.env\n-- app.env --\n# x\nDB_PASSWORD=hunter2\n", "failed@2:app.env"},
		{"secret_in_url", "HIG-C020", head + "    environment:\n      DATABASE_URL: mysql://root:whalehello@db:3306/mysql\n", "failed@5"},
		{"secret_in_url_by_variable", "HIG-C020", head + "    environment:\n      DATABASE_URL: mysql://root:${PW}@db:3306/mysql\n", "passed@0"},
		{"secret_in_command", "HIG-C020", head + "    command: --routes=nats://ruser:T0pS3cr3t@nats:6222\n", "failed@4"},
		{"secret_as_option", "HIG-C020", head + "    command: redis-server --requirepass hunter2\n", "failed@4"},
		{"secret_as_option_with_equals", "HIG-C020", head + "    command: [\"app\", \"--db-password=hunter2\"]\n", "failed@4"},
		{"secret_as_option_by_variable", "HIG-C020", "-- compose.yaml --\n" + head + "    command: redis-server --requirepass ${PW}\n-- .env --\nPW=hunter2\n", "passed@0"},
		{"secret_as_option_by_variable_in_list", "HIG-C020", "-- compose.yaml --\n" + head + "    command: [redis-server, --requirepass, $PW]\n-- .env --\nPW=hunter2\n", "passed@0"},
		{"option_without_a_secret", "HIG-C020", head + "    command: app --token-file /run/secrets/t --password --verbose\n", "passed@0"},
		{"secret_in_inline_config", "HIG-C020", head + "    configs: [c]\nconfigs:\n  c:\n    content: \"url=mysql://root:hunter2@db/x\"\n", "failed@4"},
		{"secret_build_arg", "HIG-C020", "services:\n  a:\n    build:\n      context: .\n      args:\n        NPM_TOKEN: abc\n", "failed@6"},
		{"shared_default_network", "HIG-C021", head + "  b:\n    image: y:1\n", "failed@2"},
		{"one_service", "HIG-C021", head, "not-applicable@0"},
		{"local_driver_rotates", "HIG-C022", head + "    logging:\n      driver: local\n", "passed@0"},
		{"npm_with_init", "HIG-C026", head + "    init: true\n    command: npm start\n", "passed@0"},
		{"npm_without_init", "HIG-C026", head + "    command: npm run start-watch\n", "failed@4"},

		{"open_network_mode", "HIG-C009", head + "    network_mode: ${NET}\n", "undecided@4"},
		{"open_with_default", "HIG-C009", head + "    network_mode: ${NET:-${OTHER-bridge}}\n", "passed@0"},
		{"open_default_of_open", "HIG-C009", head + "    network_mode: ${NET:-$OTHER}\n", "undecided@4"},
		{"open_alternative_not_taken", "HIG-C009", head + "    network_mode: ${NET:+host}\n", "passed@0"},
		{"open_escaped", "HIG-C009", head + "    network_mode: $${NET}\n", "passed@0"},
		{"open_required", "HIG-C009", head + "    pid: ${P:?say it}\n", "undecided@4"},
		{"open_privileged", "HIG-C008", head + "    privileged: ${PRIV}\n", "undecided@4"},
		{"open_read_only", "HIG-C005", head + "    read_only: ${RO:?}\n", "undecided@4"},
		{"open_user", "HIG-C007", head + "    user: ${UID}:${GID}\n", "undecided@4"},
		{"open_group_of_user", "HIG-C007", head + "    user: 1000:${GID}\n", "passed@0"},
		{"open_user_overridden", "HIG-C007", "-- compose.yaml --\n" + head + "    user: ${UID}\n-- compose.override.yaml --\nservices:\n  a:\n    user: \"7\"\n", "passed@0"},
		{"open_in_extended_file", "HIG-C009", "-- compose.yaml --\nservices:\n  a:\n    extends: {file: b/b.yaml, service: b}\n-- b/b.yaml --\nservices:\n  b:\n    image: x:1\n    network_mode: $NET\n", "undecided@2"},
		{"open_capability", "HIG-C004", head + "    cap_add: [\"${CAP}\"]\n", "undecided@4"},
		{"open_capability_beside_bad_one", "HIG-C004", head + "    cap_add: [SYS_ADMIN, \"${CAP}\"]\n", "failed@4 failed@4"},
		{"open_capabilities_to_drop", "HIG-C003", head + "    cap_drop:\n      - ${CAP}\n", "undecided@4"},
		{"open_beside_what_is_wanted", "HIG-C003", head + "    cap_drop: [ALL, \"${CAP}\"]\n", "passed@0"},
		{"open_security_opt", "HIG-C023", head + "    security_opt:\n      - no-new-privileges:true\n      - ${PROFILE}\n", "undecided@6"},
		{"open_socket", "HIG-C010", head + "    volumes: [\"${SOCK}:/var/run/docker.sock\"]\n", "undecided@4"},
		{"open_directory_of_socket", "HIG-C010", head + "    volumes: [\"${XDG_RUNTIME_DIR}/docker.sock:/s\"]\n", "failed@4"},
		{"open_directory_with_a_name", "HIG-C010", head + "    volumes: [\"${DATA}/db:/db\"]\n", "passed@0"},
		{"open_socket_with_default", "HIG-C010", head + "    volumes: [\"${SOCK:-/run/podman/podman.sock}:/s\"]\n", "failed@4"},
		{"open_mount", "HIG-C011", head + "    volumes:\n      - ./a:/a\n      - ${DATA}/db:/db\n", "undecided@6"},
		{"open_mount_beside_bad_one", "HIG-C011", head + "    volumes:\n      - /etc:/a\n      - ${DATA}/db:/db\n", "failed@5 undecided@6"},
		{"open_target_of_mount", "HIG-C011", head + "    volumes: [\"./a:${TARGET}\"]\n", "passed@0"},
		{"open_address", "HIG-C012", head + "    ports: [\"${BIND}:80:80\"]\n", "undecided@4"},
		{"open_address_long_form", "HIG-C012", head + "    ports:\n      - target: 80\n        host_ip: ${BIND_ADDRESS}\n", "undecided@5"},
		{"open_target", "HIG-C012", head + "    ports: [\"80:${TARGET}\"]\n", "failed@4"},
		{"open_everything", "HIG-C009", head + "    volumes: [\"${A}:/a\"]\n    ports: [\"${B}:1:1\", \"${C}:1\"]\n    mem_limit: ${D}\n    deploy: {replicas: \"${E}\"}\n    privileged: ${F}\n    pid: host\n", "failed@9"},
		{"open_port", "HIG-C012", head + "    ports: [\"${PORT}:80\"]\n", "failed@4"},
		{"open_port_on_loopback", "HIG-C012", head + "    ports: [\"127.0.0.1:${PORT}:80\"]\n", "passed@0"},
		{"open_memory", "HIG-C014", head + "    cpus: 1\n    deploy:\n      resources:\n        limits:\n          memory: ${MEM}\n", "undecided@8"},
		{"open_cpu_and_no_memory", "HIG-C014", head + "    cpus: ${CPU}\n", "undecided@4 failed@2"},
		{"open_pids", "HIG-C015", head + "    pids_limit: ${PIDS}\n", "undecided@4"},
		{"open_restart", "HIG-C017", head + "    restart: ${RESTART}\n", "undecided@4"},
		{"open_tag", "HIG-C019", "services:\n  a:\n    image: x:${TAG}\n", "undecided@3"},
		{"home_is_known", "HIG-C011", head + "    volumes: [\"$HOME/.ssh:/x\", \"${PWD}/site:/y\"]\n", "failed@4"},

		{"nnp_zero", "HIG-C002", head + "    security_opt: [\"no-new-privileges:0\"]\n", "failed@4"},
		{"nnp_last_one_counts", "HIG-C002", "-- compose.yaml --\n" + head + "    security_opt: [\"no-new-privileges:true\"]\n-- compose.override.yaml --\nservices:\n  a:\n    security_opt: [\"no-new-privileges:false\"]\n", "failed@3:compose.override.yaml"},
		{"label_among_others", "HIG-C023", head + "    security_opt: [\"label:disable\", \"label:level:s0\"]\n", "failed@4"},
		{"privileged_hook", "HIG-C008", head + "    post_start:\n      - command: /x\n        privileged: true\n", "failed@6"},
		{"insecure_build", "HIG-C008", "services:\n  a:\n    build:\n      context: .\n      entitlements: [security.insecure]\n", "failed@5"},
		{"socket_by_volume_driver", "HIG-C010", head + "    volumes: [\"vol:/s\"]\nvolumes:\n  vol:\n    driver_opts: {type: none, o: \"bind,ro\", device: /var/run/docker.sock}\n", "failed@4"},
		{"etc_by_volume_driver", "HIG-C011", head + "    volumes: [\"vol:/s\"]\nvolumes:\n  vol:\n    driver_opts: {type: none, o: bind, device: /etc}\n", "failed@4"},
		{"volume_of_a_server", "HIG-C011", head + "    volumes: [\"vol:/s\"]\nvolumes:\n  vol:\n    driver_opts: {type: nfs, o: \"addr=nas\", device: \":/etc\"}\n", "passed@0"},
		{"keys_at_home", "HIG-C011", head + "    volumes: [\"~/.ssh:/x:ro\"]\n", "failed@4"},
		{"keys_of_another_home", "HIG-C011", head + "    volumes: [\"/home/ann/.aws/credentials:/x:ro\"]\n", "failed@4"},
		{"music_at_home", "HIG-C011", head + "    volumes: [\"~/music:/x:ro\"]\n", "passed@0"},
		{"tmpfs_of_size_zero", "HIG-C006", head + "    tmpfs: [\"/tmp:noexec,nosuid,size=0\"]\n", "failed@4"},
		{"log_without_end", "HIG-C022", head + "    logging: {driver: json-file, options: {max-size: \"-1\"}}\n", "failed@4"},
		{"job_needs_no_healthcheck", "HIG-C016", head + "    healthcheck: {test: [CMD, /x]}\n    depends_on: {m: {condition: service_completed_successfully}}\n  m:\n    image: y:1\n", "passed@0"},
		{"job_needs_no_restart", "HIG-C017", head + "    restart: always\n    depends_on: {m: {condition: service_completed_successfully}}\n  m:\n    image: y:1\n", "passed@0"},
		{"provider_is_no_container", "HIG-C007", "services:\n  a:\n    provider: {type: awesomecloud}\n", "not-applicable@0"},

		{"secret_beside_variable", "HIG-C020", head + "    environment:\n      DATABASE_URL: mysql://root:hunter2@${HOST}:3306/mysql\n", "failed@5"},
		{"secret_in_nested_default", "HIG-C020", head + "    environment:\n      DB_PASSWORD: ${A:-${B:-hunter2}}\n", "failed@5"},
		{"secret_with_escaped_dollar", "HIG-C020", head + "    environment:\n      DB_PASSWORD: $$ecret\n", "failed@5"},
		{"token_of_header", "HIG-C020", head + "    environment:\n      AUTH_TOKEN: Bearer ${TOKEN}\n", "passed@0"},
		{"secret_by_extended_service", "HIG-C020", "-- compose.yaml --\nservices:\n  a:\n    extends: {file: b.yaml, service: b}\n-- b.yaml --\nservices:\n  b:\n    image: x:1\n    environment: {DB_PASSWORD: \"${PW}\"}\n-- .env --\nPW=hunter2\n", "passed@0"},
		{"env_file_of_extended_service", "HIG-C020", "-- compose.yaml --\nservices:\n  a:\n    extends: {file: b/b.yaml, service: b}\n-- b/b.yaml --\nservices:\n  b:\n    image: x:1\n    env_file: app.env\n-- b/app.env --\nDB_PASSWORD=hunter2\n", "failed@1:b/app.env"},
		{"env_file_with_comments", "HIG-C020", "-- compose.yaml --\n" + head + "    env_file: app.env\n-- app.env --\nA_TOKEN= # set me\nB_TOKEN=\"\" # and me\n", "passed@0"},

		{"silenced_trailing", "HIG-C008", head + "    privileged: true # imagegate: ignore HIG-C008 needed for eBPF\n", "not-applicable@4"},
		{"silenced_above", "HIG-C008", head + "    # imagegate: ignore HIG-C008 needed for eBPF\n    privileged: true\n", "not-applicable@5"},
		{"silence_needs_reason", "HIG-C008", head + "    privileged: true # imagegate: ignore HIG-C008\n", "failed@4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := of(lint(t, tt.file), tt.id)
			if got != tt.want && !(strings.HasSuffix(tt.want, "@") && strings.HasPrefix(got, tt.want)) {
				t.Errorf("%s says %q, want %q of:\n%s", tt.id, got, tt.want, tt.file)
				for _, r := range lint(t, tt.file) {
					if r.ID == tt.id || r.ID == "HIG-C001" {
						t.Logf("%s %s", r.ID, r.Reason)
					}
				}
			}
		})
	}
}

// onlyFS fails the test when a path is opened that the files do not name.
type onlyFS struct {
	fstest.MapFS
	t testing.TB
}

func (f onlyFS) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		f.t.Errorf("opened %q", name)
	}
	return f.MapFS.Open(name)
}

func TestIncludesAreNamedAndNotRead(t *testing.T) {
	m := onlyFS{files("-- compose.yaml --\ninclude:\n  - sub/compose.yaml\n  - path: [other.yaml, more.yaml]\n  - oci://registry.example/x\nservices:\n  a:\n    image: x:1\n    depends_on: [b]\n"), t}
	p, err := Load(t.Context(), m, []string{"compose.yaml"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if want := [][]string{{"sub/compose.yaml"}, {"other.yaml", "more.yaml"}}; !slices.EqualFunc(p.Includes, want, slices.Equal) {
		t.Errorf("includes %v, want %v", p.Includes, want)
	}
	if !slices.ContainsFunc(p.Observations, func(o report.Observation) bool {
		return o.Kind == report.LeftOut && strings.Contains(o.Message, "not fetched")
	}) {
		t.Errorf("the remote include is not told: %v", p.Observations)
	}
	if !slices.Equal(p.Files, []string{"compose.yaml"}) {
		t.Errorf("read %v", p.Files)
	}
}

func TestHostileProjectsAreBounded(t *testing.T) {
	var bomb, deep, vars strings.Builder
	bomb.WriteString("x-a0: &a0 [a,a,a,a,a,a,a,a,a]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&bomb, "x-a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 9), ","))
	}
	bomb.WriteString(head)
	deep.WriteString("x: ")
	for range 5000 {
		deep.WriteString("[")
	}
	vars.WriteString("-- compose.yaml --\n" + head + "    hostname: $V40\n-- .env --\nV0=xxxxxxxx\n")
	for i := 1; i < 41; i++ {
		fmt.Fprintf(&vars, "V%d=$V%d$V%d\n", i, i-1, i-1)
	}
	for name, text := range map[string]string{
		"alias_bomb": bomb.String(), "deep": deep.String(), "doubling_variables": vars.String(),
		"too_large":                head + "# " + strings.Repeat("a", MaxSize),
		"self_alias":               "x-a: &a [*a]\n" + head,
		"merge_cycle":              "x-a: &a\n  <<: *a\n" + head,
		"binary":                   "\x00\x01\x02",
		"nested_default":           head + "    hostname: \"" + strings.Repeat("${A:-", 60) + strings.Repeat("}", 60) + "\"\n",
		"port_ranges_of_variables": "-- compose.yaml --\n" + head + "    ports:\n" + strings.Repeat("      - \"$P\"\n", 200) + "-- .env --\nP=1-65535:1-65535\n",
		"port_ranges":              head + "    ports:\n" + strings.Repeat("      - \"1-65535:1-65535\"\n", 200),
		"long_indent":              "services:\n" + strings.Repeat(" ", 5000) + "a: 1\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := lint(t, text) // would take hours, or panic, without the limits
			if name == "alias_bomb" || name == "self_alias" || name == "too_large" || name == "deep" || strings.HasPrefix(name, "port_ranges") {
				if got := of(r, "HIG-C001"); !strings.HasPrefix(got, report.CheckFailed) {
					t.Errorf("HIG-C001 says %q, want refused", got)
				}
			}
		})
	}
}

func FuzzCompose(f *testing.F) {
	for _, c := range Checks() {
		f.Add(c.Bad)
		f.Add(c.Good)
	}
	f.Add("x: &a [*a]\nservices: {a: {image: $X, <<: *a}}")
	f.Add("services: {a: {image: x, extends: {file: compose.yaml, service: a}, env_file: [a], ports: [1-9:1-9]}}")
	f.Fuzz(func(t *testing.T, text string) {
		m := files(text)
		if m["compose.yaml"] == nil {
			return
		}
		for _, r := range lint(t, text) {
			if r.Line < 0 || r.Reason == "" || r.Location == "" {
				t.Errorf("%s: line %d, reason %q, location %q", r.ID, r.Line, r.Reason, r.Location)
			}
		}
	})
}
