// Package strictjson refuses JSON that two parsers could read differently, before
// any of it is believed. What passes [Check] has one meaning: valid UTF-8, one value,
// no repeated key in any object, and a bounded nesting depth.
//
// encoding/json alone takes the last of two equal keys, matches field names whatever
// their case, and replaces broken UTF-8; other parsers do not. A signature over such
// bytes would be one signature over two statements. [Object] and [Fields] therefore
// hand out members by their exact name.
//
// The package knows nothing of attestations. Start reading at [Check].
package strictjson

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/imagegate/imagegate/internal/words"
)

// DefaultDepth is the nesting depth that is accepted when a limit is 0. SBOMs and
// provenance stay far below it.
const DefaultDepth = 256

// The ways in which JSON is refused, for errors.Is.
var (
	ErrSyntax    = errors.New("not valid JSON")
	ErrEncoding  = errors.New("not valid UTF-8")
	ErrDuplicate = errors.New("repeated key")
	ErrDepth     = errors.New("nested too deeply")
	ErrCase      = errors.New("key in the wrong case")
)

// Check reports whether data is one JSON value that every parser reads alike. depth
// is the greatest nesting of objects and arrays; 0 means [DefaultDepth].
func Check(data []byte, depth int) error {
	if depth <= 0 {
		depth = DefaultDepth
	}
	if !utf8.Valid(data) {
		return ErrEncoding
	}
	if err := checkDepth(data, depth); err != nil {
		return err
	}
	if !json.Valid(data) {
		return ErrSyntax
	}
	s := scanner{data: data}
	return s.value()
}

// checkDepth runs before json.Valid, whose own limit is 10,000 levels.
func checkDepth(data []byte, limit int) error {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > limit {
				return fmt.Errorf("%w: more than %d levels", ErrDepth, limit)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// scanner walks JSON that json.Valid accepted, so it never meets a syntax error; its
// only task is to find repeated keys.
type scanner struct {
	data []byte
	pos  int
}

func (s *scanner) value() error {
	switch s.peek() {
	case '{':
		return s.object()
	case '[':
		return s.array()
	case '"':
		s.str()
		return nil
	default:
		for s.pos < len(s.data) && !strings.ContainsRune(",]} \t\r\n", rune(s.data[s.pos])) {
			s.pos++
		}
		return nil
	}
}

func (s *scanner) object() error {
	s.pos++ // {
	seen := map[string]struct{}{}
	for s.peek() != '}' {
		raw := s.str()
		key := string(raw[1 : len(raw)-1])
		if strings.IndexByte(key, '\\') >= 0 {
			if err := json.Unmarshal(raw, &key); err != nil {
				return fmt.Errorf("%w: key %s", ErrSyntax, raw)
			}
		}
		if _, dup := seen[key]; dup {
			return fmt.Errorf("%w %q", ErrDuplicate, clip(key))
		}
		seen[key] = struct{}{}
		s.peek()
		s.pos++ // :
		if err := s.value(); err != nil {
			return err
		}
		if s.peek() == ',' {
			s.pos++
		}
	}
	s.pos++ // }
	return nil
}

func (s *scanner) array() error {
	s.pos++ // [
	for s.peek() != ']' {
		if err := s.value(); err != nil {
			return err
		}
		if s.peek() == ',' {
			s.pos++
		}
	}
	s.pos++ // ]
	return nil
}

// peek skips white space and returns the next byte without taking it; 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// str takes the string at the position and returns it with its quotes.
func (s *scanner) str() []byte {
	s.peek()
	start := s.pos
	for s.pos++; s.data[s.pos] != '"'; s.pos++ {
		if s.data[s.pos] == '\\' {
			s.pos++
		}
	}
	s.pos++
	return s.data[start:s.pos]
}

// clip shortens hostile text that is quoted in an error.
func clip(s string) string { return words.Clip(s, 64) }
