package imagecheck

import (
	"strings"
	"testing"
)

func FuzzAccounts(f *testing.F) {
	for _, s := range []string{"root:x:0:0:root:/root:/bin/sh\n", "a:b", ":::::::", "a:x:-1:0:::", "a:x:99999999999:0:::\r\n", "#c\n\n"} {
		f.Add(s, "root")
		f.Add(s, "1000:1000")
	}
	f.Fuzz(func(t *testing.T, data, spec string) {
		accounts, bad := parsePasswd([]byte(data))
		groups, _ := parseGroup([]byte(data))
		if lines := strings.Count(data, "\n") + 1; len(accounts)+bad > lines {
			t.Errorf("%d accounts and %d malformed of %d lines", len(accounts), bad, lines)
		}
		fa := &facts{accounts: accounts, groups: groups}
		u := fa.resolve(spec)
		if u.uid < 0 || u.gid < 0 {
			t.Errorf("resolve(%q) = %+v has a negative id", spec, u)
		}
		if name, _, _ := strings.Cut(spec, ":"); (name == "" || name == "root" && len(accounts) == 0) && (u.uid != 0 || u.unknown) {
			t.Errorf("resolve(%q) = %+v is not root", spec, u)
		}
	})
}
