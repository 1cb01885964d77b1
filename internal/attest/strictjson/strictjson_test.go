package strictjson_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/imagegate/imagegate/internal/attest/strictjson"
)

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     error
	}{
		{"object", `{"a":1,"b":[true,null,"x",{"a":2}]}`, nil},
		{"white_space", " {\n \"a\" : [ 1 , 2 ] , \"b\" : { } }\n", nil},
		{"scalar", `-1.5e3`, nil},
		{"same_key_in_siblings", `[{"a":1},{"a":2}]`, nil},
		{"keys_differ_in_case", `{"a":1,"A":2}`, nil},
		{"repeated_key", `{"a":1,"a":2}`, strictjson.ErrDuplicate},
		{"repeated_key_deep", `{"x":[{"y":{"a":1,"b":2,"a":3}}]}`, strictjson.ErrDuplicate},
		{"repeated_key_escaped", `{"a":1,"\u0061":2}`, strictjson.ErrDuplicate},
		{"lone_surrogates_become_one_key", `{"\ud800":1,"\ud801":2}`, strictjson.ErrDuplicate},
		{"quote_in_key", `{"a\"":1,"a":2}`, nil},
		{"empty", ``, strictjson.ErrSyntax},
		{"two_values", `{} {}`, strictjson.ErrSyntax},
		{"trailing_comma", `[1,]`, strictjson.ErrSyntax},
		{"byte_order_mark", "\ufeff{}", strictjson.ErrSyntax},
		{"broken_utf8", "{\"a\":\"\xff\"}", strictjson.ErrEncoding},
		{"deep_array", strings.Repeat("[", 300) + strings.Repeat("]", 300), strictjson.ErrDepth},
		{"million_levels", strings.Repeat("[", 1_000_000), strictjson.ErrDepth},
		{"brackets_in_a_string_do_not_nest", `"` + strings.Repeat("[", 1000) + `"`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := strictjson.Check([]byte(tt.in), 0); !errors.Is(got, tt.want) {
				t.Errorf("Check(%.40q) = %v, want %v", tt.in, got, tt.want)
			}
		})
	}
}

func TestFieldsRefusesAnotherCase(t *testing.T) {
	_, err := strictjson.Fields([]byte(`{"Subject":[],"other":1}`), "subject")
	if !errors.Is(err, strictjson.ErrCase) {
		t.Errorf("Fields = %v, want ErrCase", err)
	}
	m, err := strictjson.Fields([]byte(`{"subject":[1],"other":1}`), "subject")
	if err != nil || string(m["subject"]) != "[1]" {
		t.Errorf("Fields = %s, %v, want the exact member", m["subject"], err)
	}
	if _, err := strictjson.Fields([]byte(`null`), "x"); err == nil {
		t.Error("Fields(null) passes, want an error")
	}
}

// FuzzCheck: what passes has no repeated key by encoding/json's own token stream, and
// nothing panics.
func FuzzCheck(f *testing.F) {
	for _, s := range []string{`{"a":1,"b":[{"c":"\u0061"}]}`, `{"a":1,"a":2}`, `[[[]]]`, `"\\\""`, `{"\ud800":1}`, ` 1 `} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if strictjson.Check(data, 32) != nil {
			return
		}
		var v any
		if err := json.Unmarshal(data, &v); err != nil {
			t.Fatalf("Check passed %q, json.Unmarshal: %v", data, err)
		}
		if got := members(data); got != count(v) {
			t.Fatalf("Check passed %q: %d members written, %d kept", data, got, count(v))
		}
	})
}

// members counts the members of all objects as written.
func members(data []byte) int {
	d := json.NewDecoder(strings.NewReader(string(data)))
	n := 0
	var walk func() bool
	walk = func() bool {
		tok, err := d.Token()
		if err != nil {
			return false
		}
		switch tok {
		case json.Delim('{'):
			for d.More() {
				_, _ = d.Token()
				n++
				walk()
			}
			_, _ = d.Token()
		case json.Delim('['):
			for d.More() {
				walk()
			}
			_, _ = d.Token()
		}
		return true
	}
	walk()
	return n
}

func count(v any) int {
	n := 0
	switch v := v.(type) {
	case map[string]any:
		n = len(v)
		for _, e := range v {
			n += count(e)
		}
	case []any:
		for _, e := range v {
			n += count(e)
		}
	}
	return n
}
