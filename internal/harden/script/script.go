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

// Parse cuts text into commands, in order of appearance. Scripts given to "sh -c" or
// "su -c" follow the command that names them.
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
		for _, words := range c.executed() {
			p.out = append(p.out, Command{Words: words, Pipeline: p.pipeline})
		}
		if inner, ok := c.inline(); ok && p.depth < MaxDepth {
			n := &parser{src: inner, depth: p.depth + 1, pipeline: p.pipeline + 1, total: p.total}
			n.run("")
			if len(n.out) > 0 { // it reads what its shell reads
				n.out[0].Piped, n.out[0].Pipeline = c.Piped, c.Pipeline
			}
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
