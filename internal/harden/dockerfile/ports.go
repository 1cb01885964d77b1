package dockerfile

import (
	"strconv"
	"strings"
)

// ports reads a port of EXPOSE as BuildKit does: "80", "80/tcp", a range, or either
// behind a host's address and port. It returns the ends of the range; nil when it is none.
func ports(s string) []int {
	s, proto, _ := strings.Cut(s[strings.LastIndexByte(s, ':')+1:], "/")
	switch strings.ToLower(proto) {
	case "", "tcp", "udp", "sctp":
	default:
		return nil
	}
	var out []int
	for _, part := range strings.SplitN(s, "-", 2) {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 || n > 65535 || len(out) > 0 && n < out[0] {
			return nil
		}
		out = append(out, n)
	}
	return out
}
