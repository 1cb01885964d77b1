package dockerfile

import "testing"

// TestPackages holds what the package managers themselves take for a version.
func TestPackages(t *testing.T) {
	run := func(name, command, want string) ruleCase {
		return ruleCase{name, "HIG-D012", "FROM x:1\nRUN " + command + "\n", want}
	}
	testRules(t, []ruleCase{
		run("pip_bounds", "pip install 'a<2' 'b!=1' 'c>=3'", "passed@0"),
		run("pip_git_revision", "pip install git+https://host/a/b.git@1.2#egg=b", "passed@0"),
		run("pip_git_without_revision", "pip install git+https://host/a/b.git#egg=b", "failed@2"),
		run("pip_git_user_is_no_revision", "pip install git+ssh://git@host/a/b.git", "failed@2"),
		run("pip_build_directory", "pip install --build /opt/b a==1", "passed@0"),
		run("npm_git_revision", "npm install git+https://host/a/b.git#v1", "passed@0"),
		run("npm_git_without_revision", "npm install git+https://host/a/b.git", "failed@2"),
		run("npm_files", "npm install a-1.tar b-1.tar.gz ~/c ../d", "passed@0"),
		run("cargo", "cargo install ripgrep", "failed@2"),
		run("cargo_version", "cargo install --locked ripgrep@14.1 && cargo install fd-find --version 10.1 && cargo install --path .", "passed@0"),
		run("conda", "conda install -y -c conda-forge numpy", "failed@2"),
		run("conda_version", "conda install -y -n base -c conda-forge numpy=2.1 'scipy>=1'", "passed@0"),
		run("pipx", "pipx install poetry", "failed@2"),
		run("pipx_version", "pipx install poetry==2.1", "passed@0"),
		run("gem_i", "gem i bundler", "failed@2"),
		run("gem_compiler_flags", "gem install a:2.0 -- --use-system-libraries true", "passed@0"),
		run("pecl", "pecl install redis", "failed@2"),
		run("pecl_stability_is_no_version", "pecl install redis-beta", "failed@2"),
		run("pecl_version", "pecl install -D 'x=y' channel://pecl.php.net/redis-6.1 package.xml", "passed@0"),
		run("module_without_stream", "dnf module install -y php", "failed@2"),
		run("module_stream", "dnf module install -y php:8.3", "passed@0"),
		run("zypper_bounds", `zypper install -y a\>=9.0 b\<2`, "passed@0"),
		run("rpm_variable_version", `yum install -y "git-${V}"`, "passed@0"),
	})
}

// TestCaches follows the commands of one RUN in order.
func TestCaches(t *testing.T) {
	run := func(name, command, want string) ruleCase {
		return ruleCase{name, "HIG-D013", "FROM x:1\nRUN " + command + "\n", want}
	}
	testRules(t, []ruleCase{
		run("apt_cleaned_too_early", "rm -rf /var/lib/apt/lists/* && apt-get update && apt-get install -y a", "failed@2"),
		run("apt_cleaned_and_filled_again", "apt-get update && rm -rf /var/lib/apt/lists/* && apt-get update", "failed@2"),
		run("apt_option_before_the_verb", "apt-get -o A=3 update", "failed@2"),
		run("apt_clean_leaves_the_lists", "apt-get update && apt-get clean", "failed@2"),
		run("apt_lists_in_braces", "apt-get update && rm -rf /var/lib/{apt,dpkg,cache}", "passed@0"),
		run("apt_lists_found", "apt-get update && find /var/lib/apt/lists -type f -delete", "passed@0"),
		run("apt_distclean", "apt-get update && apt-get install -y a && apt-get distclean", "passed@0"),
		run("yum_cleaned_too_early", "yum clean all && yum -y install a", "failed@2"),
		run("yum_installed_after_cleaning", "yum -y install a && yum clean all && yum -y install b", "failed@2"),
		run("yum_cleaned_twice", "yum -y install a && yum clean all && yum -y install b && yum clean -y all", "passed@0"),
		run("yum_metadata_is_not_all", "yum -y install a && yum clean metadata", "failed@2"),
		run("yum_clean_alone", "yum clean all", "not-applicable@0"),
		run("dnf_removed", "microdnf install -y a && rm -rf /var/cache/yum/*", "passed@0"),
		run("zypper_cc", "zypper install -y a && zypper cc", "passed@0"),
		run("apk_no_cache", "apk add --no-cache a", "passed@0"),
		run("apk_mount_elsewhere", "--mount=type=cache,target=/var/cache/x apk add a", "failed@2"),
		run("pip_switch_off", "PIP_NO_CACHE_DIR=off pip install a", "failed@2"),
		run("pip_switch_on", "PIP_NO_CACHE_DIR=on pip install a", "passed@0"),
		run("pip_switch_is_for_one_command", "PIP_NO_CACHE_DIR=1 pip install a; pip install b", "failed@2"),
		run("pip_switch_exported", "export PIP_NO_CACHE_DIR=1 && pip install a && pip3 install b", "passed@0"),
		run("pip_switch_through_env", "env PIP_NO_CACHE_DIR=1 pip install a", "passed@0"),
		run("pip_purged", "pip install a && pip cache purge", "passed@0"),
		run("pipx_is_no_pip", "pipx install a && pipenv install b", "not-applicable@0"),
		run("pip_mount_of_another_user", "--mount=type=cache,target=/home/app/.cache/pip pip install a", "passed@0"),
		run("pip_removed_from_home", "pip install a && rm -rf ~/.cache", "passed@0"),
		run("pip_removed_from_a_home", "pip install a && rm -rf /home/app/.cache/pip/*", "passed@0"),
		run("pip_removed_elsewhere", "pip install a && rm -rf /tmp/x", "failed@2"),
		{"pip_cache_moved", "HIG-D013", "FROM x:1\nENV PIP_CACHE_DIR=/c\nRUN --mount=type=cache,target=/c pip install a\n", "passed@0"},
		run("apt_mount_of_a_part", "--mount=type=cache,target=/var/cache/apt apt-get update", "failed@2"),
		run("yarn", "yarn --frozen-lockfile", "failed@2"),
		run("yarn_cleaned", "yarn install && yarn cache clean", "passed@0"),
		run("yarn_mount", "--mount=type=cache,target=/usr/local/share/.cache/yarn yarn install", "passed@0"),
		run("yarn_script", "yarn build", "not-applicable@0"),
		{"pip_switch_in_env_off", "HIG-D013", "FROM x:1\nENV PIP_NO_CACHE_DIR=false\nRUN pip install a\n", "failed@3"},
		{"onbuild_fills_the_image_on_top", "HIG-D013", "FROM x:1\nONBUILD RUN apt-get update\n", "failed@2"},
		{"onbuild_fills_the_stage_on_top", "HIG-D013", "FROM x:1 AS a\nONBUILD RUN apt-get update\nFROM a\n", "failed@2"},

		{"upgrade_alone", "HIG-D027", "FROM x:1\nRUN yum update -y && yum clean all\n", "failed@2"},
		{"zypper_up_alone", "HIG-D027", "FROM x:1\nRUN zypper up -y\n", "failed@2"},
		{"upgrade_with_install", "HIG-D027", "FROM x:1\nRUN dnf update -y && dnf install -y a\n", "passed@0"},
		{"update_with_upgrade", "HIG-D027", "FROM x:1\nRUN apt-get update && apt-get upgrade -y\n", "passed@0"},
	})
}
