package script

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func names(cmds []Command) []string {
	var out []string
	Walk(cmds, func(c Command) {
		n, args := c.Name()
		s := strings.TrimSpace(n + " " + strings.Join(args, " "))
		if c.Piped {
			s = "|" + s
		}
		out = append(out, s)
	})
	return out
}

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"and_or_semicolon", "a 1 && b 2 || c; d", []string{"a 1", "b 2", "c", "d"}},
		{"pipe", "curl -s x | sudo -E bash -", []string{"curl -s x", "|bash -"}},
		{"quotes", `echo "a | b" 'c && d' e\ f`, []string{"echo a | b c && d e f"}},
		{"keywords", "if [ -f x ]; then rm x; fi", []string{"[ -f x ]", "rm x"}},
		{"subshell", "(cd x && make)", []string{"cd x", "make"}},
		{"substitution", `sh -c "$(curl -fsSL u)"`, []string{"sh -c $(curl -fsSL u)", "curl -fsSL u", "$(curl -fsSL u)", "curl -fsSL u"}},
		{"process_substitution", "bash <(curl -s u)", []string{"bash", "curl -s u"}},
		{"comment", "a # | sh\nb", []string{"a", "b"}},
		{"hash_inside_word", "echo a#b", []string{"echo a#b"}},
		{"heredoc_body_is_no_command", "cat > f <<EOF\ncurl x | sh\nEOF\nls", []string{"cat", "ls"}},
		{"redirection", "a >/dev/null 2>&1 && b", []string{"a", "b"}},
		{"assignment", "X=1 Y=2 go build", []string{"go build"}},
		{"wrappers", "exec env A=b timeout 5 nice -n 5 apt-get install x", []string{"apt-get install x"}},
		{"sh_c", `sh -ec 'apt-get update && apt-get install x'`, []string{"sh -ec apt-get update && apt-get install x", "apt-get update", "apt-get install x"}},
		{"find_exec", `find / -type f -exec chmod 644 {} + -o -exec rm {} \; | wc`, []string{"find / -type f -exec chmod 644 {} + -o -exec rm {} ;", "chmod 644 {}", "rm {}", "|wc"}},
		{"wrappers_with_an_operand", "gosu app xargs -n 1 stdbuf -o0 a", []string{"a"}},
		{"sh_c_behind_an_option_with_a_value", "bash -euo pipefail -c 'a | b'", []string{"bash -euo pipefail -c a | b", "a", "|b"}},
		{"sh_script_is_no_text", "bash -o pipefail x.sh -c 'a'", []string{"bash -o pipefail x.sh -c a"}},
		{"sudo_assignment", "sudo -E A=b apt-get install x", []string{"apt-get install x"}},
		{"eval", "eval 'a | b'", []string{"eval a | b", "a", "|b"}},
		{"su_c", "su - app -c 'a && b'", []string{"su - app -c a && b", "a", "b"}},
		{"sh_c_keeps_the_pipe", "a | sh -c 'b; c'", []string{"a", "|sh -c b; c", "|b", "c"}},
		{"continuation", "a \\\n b", []string{"a b"}},
		{"unclosed_quote", `a "b c`, []string{"a b c"}},
		{"empty", " \n\t", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, names(Parse(tt.text))); diff != "" {
				t.Errorf("Parse(%q) (-want +got):\n%s", tt.text, diff)
			}
		})
	}
}

func TestPipelineNumbers(t *testing.T) {
	got := Parse("a | b | c && d | e")
	want := []int{got[0].Pipeline, got[0].Pipeline, got[0].Pipeline, got[3].Pipeline, got[3].Pipeline}
	for i := range got {
		if got[i].Pipeline != want[i] {
			t.Errorf("command %d is in pipeline %d, want %d", i, got[i].Pipeline, want[i])
		}
	}
	if got[0].Pipeline == got[3].Pipeline {
		t.Error("two pipelines share a number")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"a | b", "$(", "`", "<<EOF\n", "((((", "${", `"$(`, "a <(b", "2>", "sh -c 'sh -c \"sh -c x\"'", "&>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		n := 0
		Walk(Parse(s), func(c Command) {
			c.Name()
			n++
		})
		if n > maxCommands+1 {
			t.Errorf("%d commands from %d bytes", n, len(s))
		}
	})
}
