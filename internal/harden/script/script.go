// Package script cuts shell text into simple commands, so that checks can ask what a
// RUN instruction runs and what is piped into what. It follows POSIX quoting and
// operators, here-documents, command and process substitution. It expands nothing
// and runs nothing: "$X" stays "$X".
//
// It reads any text: what is no shell comes out as odd commands, never as an error.
// Nesting is followed [MaxDepth] deep.
//
// Start reading at [Parse].
package script

import (
	"path"
	"slices"
	"strings"
)

// MaxDepth is how deep substitutions and sh -c are followed.
const MaxDepth = 6

// maxCommands bounds the commands of one script, nested ones included.
const maxCommands = 20_000

// Command is one simple command: its words without quotes, assignments apart.
type Command struct {
	// Words are the words after quote removal. Redirections are not among them.
	Words []string
	// Assign are the leading VAR=value words.
	Assign []string
	// Piped is true when the standard output of the command before it is its input.
	Piped bool
	// Pipeline numbers the pipeline that the command belongs to.
	Pipeline int
	// Subs are the commands inside its substitutions: $(…), `…`, <(…).
	Subs []Command
	// Redirect are the targets of output redirections.
	Redirect []string
}

// Parse cuts text into commands, in order of appearance. Scripts given to "sh -c"
// follow the command that names them.
func Parse(text string) []Command {
	p := &parser{src: text}
	p.run("")
	return p.out
}

// FromExec makes the commands of an exec form: one, and the script of "sh -c".
func FromExec(words []string) []Command {
	if len(words) == 0 {
		return nil
	}
	p := &parser{cur: Command{Words: slices.Clone(words)}}
	p.end(false)
	return p.out
}

type parser struct {
	src   string
	i     int
	depth int

	out      []Command
	cur      Command
	pipeline int
	piped    bool
	heredocs []heredoc
	total    *int
}

type heredoc struct {
	name  string
	strip bool
}

func (p *parser) count() bool {
	if p.total == nil {
		p.total = new(int)
	}
	*p.total++
	return *p.total <= maxCommands
}

// run reads until the closing string (")" or "`" or nothing) or the end.
func (p *parser) run(closing string) {
	for p.i < len(p.src) {
		c := p.src[p.i]
		switch {
		case closing != "" && c == closing[0]:
			p.i++
			p.end(false)
			return
		case c == '\\' && p.i+1 < len(p.src) && (p.src[p.i+1] == '\n' || p.src[p.i+1] == '\r'):
			p.i += 2
		case c == ' ' || c == '\t' || c == '\r':
			p.i++
		case c == '\n':
			p.i++
			p.end(false)
			p.skipHeredocs()
		case c == '#':
			for p.i < len(p.src) && p.src[p.i] != '\n' {
				p.i++
			}
		case c == '|':
			p.i++
			pipe := true
			if p.i < len(p.src) && p.src[p.i] == '|' {
				p.i++
				pipe = false
			} else if p.i < len(p.src) && p.src[p.i] == '&' {
				p.i++
			}
			p.end(pipe)
		case c == '&' && p.i+1 < len(p.src) && p.src[p.i+1] == '>':
			p.i++ // &> is a redirection
			p.redirect()
		case c == ';' || c == '&' || c == '(' || c == ')':
			p.i++
			p.end(false)
		case c == '<' || c == '>':
			p.redirect()
		default:
			p.word()
		}
	}
	p.end(false)
}

// redirect reads an operator and its target.
func (p *parser) redirect() {
	op := p.src[p.i]
	start := p.i
	for p.i < len(p.src) && strings.IndexByte("<>&-|", p.src[p.i]) >= 0 && p.i-start < 3 {
		p.i++
	}
	text := p.src[start:p.i]
	if p.i < len(p.src) && p.src[p.i] == '(' && (text == "<" || text == ">") {
		p.i++
		p.sub(")")
		return
	}
	for p.i < len(p.src) && (p.src[p.i] == ' ' || p.src[p.i] == '\t') {
		p.i++
	}
	if p.i >= len(p.src) || strings.IndexByte("\n;|&()", p.src[p.i]) >= 0 {
		return
	}
	target := p.rawWord()
	switch {
	case strings.HasPrefix(text, "<<") && !strings.HasPrefix(text, "<<<"):
		p.heredocs = append(p.heredocs, heredoc{name: target, strip: strings.HasSuffix(text, "-")})
	case op == '>' || strings.Contains(text, ">"):
		p.cur.Redirect = append(p.cur.Redirect, target)
	}
}

// skipHeredocs drops the bodies that were announced on the line just ended.
func (p *parser) skipHeredocs() {
	for _, h := range p.heredocs {
		for p.i < len(p.src) {
			line, rest := p.src[p.i:], len(p.src)
			if n := strings.IndexByte(line, '\n'); n >= 0 {
				line, rest = line[:n], p.i+n+1
			}
			p.i = rest
			line = strings.TrimSuffix(line, "\r")
			if h.strip {
				line = strings.TrimLeft(line, "\t")
			}
			if line == h.name {
				break
			}
		}
	}
	p.heredocs = nil
}

// word reads one word and files it.
func (p *parser) word() {
	start := p.i
	w := p.rawWord()
	if p.i == start { // a character that starts no word: do not stand still
		p.i++
		return
	}
	if len(p.cur.Words) == 0 && p.cur.Subs == nil && reserved[w] {
		p.end(p.piped)
		return
	}
	if p.i < len(p.src) && (p.src[p.i] == '<' || p.src[p.i] == '>') && strings.Trim(w, "0123456789") == "" && w != "" {
		p.redirect() // 2>file
		return
	}
	if len(p.cur.Words) == 0 && isAssignment(w) {
		p.cur.Assign = append(p.cur.Assign, w)
		return
	}
	p.cur.Words = append(p.cur.Words, w)
}

var reserved = map[string]bool{
	"if": true, "then": true, "else": true, "elif": true, "fi": true, "do": true, "done": true,
	"while": true, "until": true, "!": true, "{": true, "}": true, "esac": true,
}

func isAssignment(w string) bool {
	name, _, ok := strings.Cut(w, "=")
	if !ok || name == "" {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if !(c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return true
}

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

// sub reads a nested list of commands into the command at hand.
func (p *parser) sub(closing string) {
	if p.depth >= MaxDepth {
		if end := strings.Index(p.src[p.i:], closing); end >= 0 {
			p.i += end + 1
		} else {
			p.i = len(p.src)
		}
		return
	}
	if p.total == nil {
		p.total = new(int)
	}
	n := &parser{src: p.src, i: p.i, depth: p.depth + 1, total: p.total}
	n.run(closing)
	p.i = n.i
	p.cur.Subs = append(p.cur.Subs, n.out...)
}

// end files the command at hand.
func (p *parser) end(pipe bool) {
	c := p.cur
	p.cur = Command{}
	if len(c.Words) > 0 || len(c.Assign) > 0 || len(c.Subs) > 0 || len(c.Redirect) > 0 {
		if !p.count() {
			p.i = len(p.src)
			return
		}
		c.Piped, c.Pipeline = p.piped, p.pipeline
		p.out = append(p.out, c)
		if inner, ok := c.inline(); ok && p.depth < MaxDepth {
			n := &parser{src: inner, depth: p.depth + 1, pipeline: p.pipeline + 1, total: p.total}
			n.run("")
			p.out = append(p.out, n.out...)
			p.pipeline = n.pipeline
		}
	} else if !pipe && p.piped {
		pipe = false
	}
	p.piped = pipe
	if !pipe {
		p.pipeline++
	}
}

// inline returns the script of "sh -c SCRIPT".
func (c Command) inline() (string, bool) {
	name, args := c.Name()
	if !Shell(name) {
		return "", false
	}
	for i, a := range args {
		if !strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "+") {
			return "", false
		}
		if strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && strings.HasSuffix(a, "c") && i+1 < len(args) {
			return args[i+1], true
		}
	}
	return "", false
}

// Shell reports whether name is a shell.
func Shell(name string) bool {
	switch name {
	case "sh", "bash", "ash", "dash", "zsh", "ksh", "busybox":
		return true
	}
	return false
}

// Name returns the program that runs, without its directory, and its arguments. It
// looks through sudo, env, exec, time, nice, nohup, command, timeout and the like.
func (c Command) Name() (string, []string) {
	words := c.Words
	for len(words) > 0 {
		name := path.Base(words[0])
		switch name {
		case "exec", "command", "builtin", "nohup", "eatmydata", "time", "setsid":
			words = skipOptions(words[1:], "")
		case "nice", "ionice":
			words = skipOptions(words[1:], "nc")
		case "sudo", "doas":
			words = skipOptions(words[1:], "ugCpDhRT")
		case "env":
			words = skipOptions(words[1:], "uCS")
			for len(words) > 0 && isAssignment(words[0]) {
				words = words[1:]
			}
		case "timeout":
			words = skipOptions(words[1:], "ks")
			if len(words) > 0 {
				words = words[1:]
			}
		case "busybox":
			if len(words) < 2 {
				return name, nil
			}
			words = words[1:]
		default:
			return name, words[1:]
		}
	}
	return "", nil
}

// skipOptions drops leading options; those whose last letter is in withArg take the
// next word too.
func skipOptions(words []string, withArg string) []string {
	for len(words) > 0 && strings.HasPrefix(words[0], "-") && words[0] != "-" {
		w := words[0]
		words = words[1:]
		if w == "--" {
			break
		}
		if !strings.HasPrefix(w, "--") && strings.IndexByte(withArg, w[len(w)-1]) >= 0 && len(words) > 0 {
			words = words[1:]
		}
	}
	return words
}

// Uses reports whether any word of the command, its wrappers included, is program.
func (c Command) Uses(program string) bool {
	return slices.ContainsFunc(c.Words, func(w string) bool { return path.Base(w) == program })
}

// Walk calls visit for every command and every nested one.
func Walk(cmds []Command, visit func(Command)) {
	for _, c := range cmds {
		visit(c)
		Walk(c.Subs, visit)
	}
}
