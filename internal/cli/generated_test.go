package cli_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/imagegate/imagegate/internal/config"
	"github.com/imagegate/imagegate/internal/fault"
	"github.com/imagegate/imagegate/internal/report"
)

var update = flag.Bool("update", false, "rewrite what is made from the option table")

// root is the top of the module, from this package.
const root = "../../"

// TestGenerated compares every place that repeats the option table, the outputs, the
// exit codes or a schema with its source.
func TestGenerated(t *testing.T) {
	schema, err := config.Schema()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, file, begin, end, want string
	}{
		{"action_inputs", "action.yml", "  # inputs: made", "  # inputs: end", config.ActionInputs()},
		{"action_outputs", "action.yml", "  # outputs: made", "  # outputs: end", config.ActionOutputs()},
		{"action_env", "action.yml", "        # env: made", "        # env: end", config.ActionEnv()},
		{"readme_options", "README.md", "<!-- options: begin", "<!-- options: end -->", "\n" + config.MarkdownTable()},
		{"readme_outputs", "README.md", "<!-- outputs: begin", "<!-- outputs: end -->", "\n" + outputTable()},
		{"readme_codes", "README.md", "<!-- codes: begin", "<!-- codes: end -->", "\n" + codeTable()},
		{"config_schema", "docs/schema/imagegate.schema.json", "", "", string(schema)},
		{"report_schema", "docs/schema/report.schema.json", "", "", string(report.Schema())},
	} {
		t.Run(tt.name, func(t *testing.T) {
			old, err := os.ReadFile(root + tt.file)
			if err != nil && !(*update && os.IsNotExist(err)) {
				t.Fatal(err)
			}
			next := []byte(tt.want)
			if tt.begin != "" {
				next, err = between(old, tt.begin, tt.end, tt.want)
				if err != nil {
					t.Fatal(err)
				}
			}
			if bytes.Equal(old, next) {
				return
			}
			if *update {
				if err := os.WriteFile(root+tt.file, next, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			t.Errorf("%s does not agree with its source (-file +source); rerun with -update if this is intended:\n%s",
				tt.file, cmp.Diff(string(old), string(next)))
		})
	}
}

// between replaces what stands between the line that begins with begin and the line
// end.
func between(text []byte, begin, end, with string) ([]byte, error) {
	from := bytes.Index(text, []byte(begin))
	if from < 0 {
		return nil, fmt.Errorf("no line begins with %q", begin)
	}
	from += bytes.IndexByte(text[from:], '\n') + 1
	to := bytes.Index(text[from:], []byte(end))
	if to < 0 {
		return nil, fmt.Errorf("no %q", end)
	}
	return bytes.Join([][]byte{text[:from], []byte(with), text[from+to:]}, nil), nil
}

func outputTable() string {
	var b strings.Builder
	b.WriteString("| output | what it is |\n| --- | --- |\n")
	for _, o := range config.Outputs() {
		if !o.Internal {
			fmt.Fprintf(&b, "| `%s` | %s |\n", o.Name, o.Help)
		}
	}
	return b.String() + "\n"
}

func codeTable() string {
	var b strings.Builder
	b.WriteString("| code | meaning |\n| --- | --- |\n")
	for _, c := range fault.Codes() {
		fmt.Fprintf(&b, "| %d | %s |\n", c, c.Describe())
	}
	return b.String() + "\n"
}
