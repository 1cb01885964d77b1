package script

import "strings"

// rawWord reads up to an unquoted blank or operator and removes quotes.
func (p *parser) rawWord() string {
	var b strings.Builder
	for p.i < len(p.src) {
		c := p.src[p.i]
		switch {
		case c == '\\':
			p.i++
			if p.i < len(p.src) {
				if p.src[p.i] != '\n' {
					b.WriteByte(p.src[p.i])
				}
				p.i++
			}
		case c == '\'':
			end := strings.IndexByte(p.src[p.i+1:], '\'')
			if end < 0 {
				b.WriteString(p.src[p.i+1:])
				p.i = len(p.src)
				return b.String()
			}
			b.WriteString(p.src[p.i+1 : p.i+1+end])
			p.i += end + 2
		case c == '"':
			p.i++
			p.doubleQuoted(&b)
		case c == '`' || c == '$':
			p.dollar(&b)
		case strings.IndexByte(" \t\r\n|&;()<>", c) >= 0:
			return b.String()
		default:
			b.WriteByte(c)
			p.i++
		}
	}
	return b.String()
}

func (p *parser) doubleQuoted(b *strings.Builder) {
	for p.i < len(p.src) {
		switch c := p.src[p.i]; c {
		case '"':
			p.i++
			return
		case '\\':
			p.i++
			if p.i < len(p.src) {
				switch n := p.src[p.i]; n {
				case '$', '`', '"', '\\':
					b.WriteByte(n)
				case '\n':
				default:
					b.WriteByte('\\')
					b.WriteByte(n)
				}
				p.i++
			}
		case '`', '$':
			p.dollar(b)
		default:
			b.WriteByte(c)
			p.i++
		}
	}
}

// dollar reads $…, ${…}, $(…), $((…)) or `…` and keeps its text.
func (p *parser) dollar(b *strings.Builder) {
	start := p.i
	if p.src[p.i] == '`' {
		p.i++
		p.sub("`")
		b.WriteString(p.src[start:p.i])
		return
	}
	p.i++
	if p.i >= len(p.src) {
		b.WriteByte('$')
		return
	}
	switch p.src[p.i] {
	case '(':
		p.i++
		p.sub(")")
	case '{':
		depth := 0
		for p.i < len(p.src) {
			c := p.src[p.i]
			p.i++
			if c == '{' {
				depth++
			} else if c == '}' {
				if depth--; depth == 0 {
					break
				}
			}
		}
	}
	b.WriteString(p.src[start:p.i])
}
