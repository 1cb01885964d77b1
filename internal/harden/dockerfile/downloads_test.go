package dockerfile

import "testing"

// TestDownloads follows what is fetched to what runs it.
func TestDownloads(t *testing.T) {
	run := func(name, command, want string) ruleCase {
		return ruleCase{name, "HIG-D016", "FROM x:1\nRUN " + command + "\n", want}
	}
	testRules(t, []ruleCase{
		run("wget_prefix", "wget -P /tmp https://x/i.sh && sh /tmp/i.sh", "failed@2"),
		run("wget_query", "wget https://x/i.sh?v=1 -q && sh i.sh", "failed@2"),
		run("curl_long_output", "curl --output=/t/i https://x && bash /t/i", "failed@2"),
		run("curl_attached_output", "curl -o/t/i https://x && bash /t/i", "failed@2"),
		run("curl_remote_name_first", "curl -fsSLO https://x/i.sh -m 5; cd /tmp; sh /tmp/i.sh", "failed@2"),
		run("python_c", `python3 -c "$(curl https://x)"`, "failed@2"),
		run("xargs", "curl https://x | xargs -0 sh -c", "failed@2"),
		run("su", "curl https://x | su - app -c 'bash'", "failed@2"),
		run("gosu", "curl https://x | gosu app sh", "failed@2"),
		run("sh_c_reads_its_input", "curl https://x | sh -c 'bash'", "failed@2"),
		run("sh_c_that_does_not", "curl https://x | sh -c 'tar xz'", "passed@0"),
		run("pipefail_c", "bash -o pipefail -c 'curl https://x | tar x; curl https://y | sh'", "failed@2"),
		run("pipefail_stdin", "curl https://x | bash -eo pipefail", "failed@2"),
		run("pipefail_script", "curl https://x | bash -o pipefail /own.sh", "passed@0"),
		{"exec_form_with_pipefail", "HIG-D016", "FROM x:1\nRUN [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\", \"curl https://x | sh\"]\n", "failed@2"},
		run("tee", "curl https://x | tee i.sh && sh i.sh", "failed@2"),
		run("unpacked", "curl https://x | gunzip > i.sh && sh i.sh", "failed@2"),
		run("variable", "S=$(curl https://x) && eval $S", "failed@2"),
		run("variable_printed", `S=$(curl https://x); echo "$S" | sh`, "failed@2"),
		run("variable_used", `V=$(curl https://x); echo "$V" > /version`, "passed@0"),
		run("powershell", `powershell -Command "iex ((New-Object System.Net.WebClient).DownloadString('https://x'))"`, "failed@2"),
		run("powershell_pipe", "irm https://x | iex", "failed@2"),
		run("powershell_to_a_file", "Invoke-WebRequest https://x -OutFile x.zip", "passed@0"),
		run("looked_at_in_a_test", `curl -o i.sh https://x && [ "$(sha256sum i.sh)" = "$SUM  i.sh" ] && sh i.sh`, "passed@0"),
		run("looked_at_before", "sha256sum -c a && curl -o i.sh https://x && sh i.sh", "failed@2"),
		{"cmd_pipes", "HIG-D016", "FROM x:1\nCMD curl https://x | sh\n", "failed@2"},
		{"entrypoint_pipes", "HIG-D016", "FROM x:1\nENTRYPOINT [\"sh\", \"-c\", \"curl https://x | sh\"]\n", "failed@2"},
		{"cmd_downloads_then_runs", "HIG-D016", "FROM x:1\nCMD curl -o /i.sh https://x && sh /i.sh\n", "failed@2"},
		{"run_in_the_next_step", "HIG-D016", "FROM x:1\nRUN curl -o /i.sh https://x\nRUN sh /i.sh\n", "failed@3"},
		{"looked_at_in_a_step_between", "HIG-D016", "FROM x:1\nRUN curl -o /i.sh https://x\nRUN sha256sum -c /sums\nRUN sh /i.sh\n", "passed@0"},
		{"run_in_another_stage", "HIG-D016", "FROM x:1\nRUN curl -o /i.sh https://x\nFROM x:1\nRUN sh /i.sh\n", "passed@0"},
		{"added_then_run", "HIG-D016", "FROM x:1\nADD https://x/i.sh /opt/\nRUN sh /opt/i.sh\n", "failed@3"},
	})
}

// TestGivenSecrets looks at what commands are given as secrets.
func TestGivenSecrets(t *testing.T) {
	run := func(name, command, want string) ruleCase {
		return ruleCase{name, "HIG-D014", "FROM x:1\nRUN " + command + "\n", want}
	}
	testRules(t, []ruleCase{
		run("assignment", "DB_PASSWORD=hunter2 ./migrate", "failed@2"),
		run("export", "export API_TOKEN=abcd1234 && make", "failed@2"),
		run("assignment_of_a_variable", "DB_PASSWORD=$PW ./migrate", "passed@0"),
		run("assignment_from_the_secret", "--mount=type=secret,id=t TOKEN=$(cat /run/secrets/t) make", "passed@0"),
		run("option", "tool login --password hunter2", "failed@2"),
		run("option_attached", "tool --api-key=abcd1234", "failed@2"),
		run("option_with_a_variable", `tool login --password "$PW" --token=${T}`, "passed@0"),
		run("option_without_a_value", "tool --token --verbose", "passed@0"),
		run("empty_passphrase", "gpg --batch --passphrase '' --quick-gen-key a", "passed@0"),
		run("disabled_password", "adduser --disabled-password app", "passed@0"),
		run("curl_user", "curl -u me:s3cr3t https://x", "failed@2"),
		run("curl_user_variable", `curl -u "$U:$P" https://x`, "passed@0"),
		run("header", `curl -H "Authorization: Bearer abcdef123456" https://x`, "failed@2"),
		run("header_variable", `curl -H "PRIVATE-TOKEN: $T" https://x`, "passed@0"),
		run("aws", "aws configure set aws_secret_access_key abcd", "failed@2"),
		run("aws_from_the_secret", "aws configure set aws_secret_access_key $(cat /run/secrets/k)", "passed@0"),
		run("chpasswd", "echo 'root:root' | chpasswd", "failed@2"),
		run("chpasswd_variable", `echo "root:$PW" | chpasswd`, "passed@0"),
	})
}

// TestChecksSwitchedOff has every way that a variable or an option gets there.
func TestChecksSwitchedOff(t *testing.T) {
	run := func(name, command, want string) ruleCase {
		return ruleCase{name, "HIG-D022", "FROM x:1\nRUN " + command + "\n", want}
	}
	testRules(t, []ruleCase{
		run("export", "cd / && export GIT_SSL_NO_VERIFY=1 && git clone https://x", "failed@2"),
		run("env", "env PYTHONHTTPSVERIFY=0 python a.py", "failed@2"),
		run("assignment_behind_a_pipe", "echo a|PYTHONHTTPSVERIFY=0 python a.py", "failed@2"),
		run("yum_config_manager", `yum-config-manager --setopt="epel.sslverify=0" --save`, "failed@2"),
		run("dnf_config_manager", "dnf config-manager --save --setopt=sslverify=False", "failed@2"),
		run("sslverify_on", "dnf config-manager --save --setopt=sslverify=1", "passed@0"),
		run("rpm", "rpm -i --nogpgcheck a.rpm", "failed@2"),
		run("rpm_noverify", "rpm --noverify -i a.rpm", "failed@2"),
		run("pip_config", "pip config set global.trusted-host pypi.org", "failed@2"),
		run("conda", "conda config --set ssl_verify false", "failed@2"),
		{"arg", "HIG-D022", "FROM x:1\nARG GIT_SSL_NO_VERIFY=true\n", "failed@2"},
		{"arg_before_from", "HIG-D022", "ARG NODE_TLS_REJECT_UNAUTHORIZED=0\nFROM x:1\n", "failed@1"},
		{"arg_without_value", "HIG-D022", "FROM x:1\nARG GIT_SSL_NO_VERIFY\n", "passed@0"},
	})
}
