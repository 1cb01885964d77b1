package attest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/imagegate/imagegate/internal/attest/strictjson"
)

// addFile takes one file that the user named: it must be an attestation.
func (l *local) addFile(at string) error {
	data, err := readFile(l.fsys, at, l.lim.statement)
	if err != nil {
		return err
	}
	found, err := l.add(data)
	switch {
	case !found:
		return errors.Join(fmt.Errorf("%s is not a Sigstore bundle, DSSE envelope or in-toto statement", at), err)
	case err != nil:
		l.flaw(fileFlaw+at, at, err)
	}
	return nil
}

// addFolder takes every file of a folder that is an attestation. A file that has the
// ending of one, or none, and that could not be read to its end may be the newest
// statement: it is told. What is plainly something else is named as left alone.
func (l *local) addFolder(at string) error {
	files := 0
	return fs.WalkDir(l.fsys, at, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			if p == at {
				return err
			}
			l.flaw(fileFlaw+p, p, err)
			return nil
		}
		if d.IsDir() {
			return nil
		}
		if files++; files > maxLocalFiles {
			return fmt.Errorf("%w: more than %d files", errLimit, maxLocalFiles)
		}
		switch strings.ToLower(path.Ext(p)) {
		case ".json", ".jsonl", ".sigstore", ".bundle", ".att", ".intoto", ".dsse":
			return l.addOne(p, true)
		case ".sig", "": // often a bare signature, or text
			return l.addOne(p, false)
		default:
			l.others = append(l.others, p)
			return nil
		}
	})
}

// addOne takes one file of a folder. Only MaxTotal is an error: nothing is read after it.
// Where the name does not promise JSON, a file that does not look like it is something else.
func (l *local) addOne(p string, promised bool) error {
	info, err := fs.Stat(l.fsys, p) // follows a link, and opens nothing
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is neither a regular file nor a link to one")
	}
	var data []byte
	if err == nil {
		data, err = readFile(l.fsys, p, l.lim.statement)
	}
	if err != nil {
		l.flaw(fileFlaw+p, p, err)
		return nil
	}
	if l.total += int64(len(data)); l.total > l.lim.total {
		return fmt.Errorf("%w MaxTotal: more than %d bytes", errLimit, l.lim.total)
	}
	text := trim(data)
	if !promised && len(text) > 0 && !bytes.ContainsRune([]byte("{["), rune(text[0])) && !bytes.HasPrefix(text, []byte(pointerLFS)) {
		l.others = append(l.others, p)
		return nil
	}
	switch found, err := l.add(data); {
	case err != nil:
		l.flaw(fileFlaw+p, p, err)
	case !found:
		l.others = append(l.others, p)
	}
	return nil
}

func (l *local) flaw(what, name string, err error) {
	l.unread = append(l.unread, flaw{what, name + ": " + reasonOf(err)})
}

// flaws implements [flawed].
func (l *local) flaws() ([]flaw, []string) { return l.unread, l.others }

// pointerLFS begins the file that Git leaves where a large one was not fetched.
const pointerLFS = "version https://git-lfs.github.com/spec/"

// add takes the attestations in a file and reports whether there was one. The error says
// what in it could not be read, or may be one in a form that is not read: so may anything
// that stands beside one.
func (l *local) add(data []byte) (found bool, err error) {
	docs, err := documents(data)
	others := 0
	for _, one := range docs {
		t, broken := sniff(one, l.lim)
		if err == nil {
			err = broken
		}
		if t != "" {
			l.loose = append(l.loose, looseFile{mediaType: t, data: one})
			l.blobs[digestOf(one).String()] = one
			found = true
		} else {
			others++
		}
	}
	if found && others > 0 && err == nil {
		err = fmt.Errorf("%d of its %d values are in no form that is read", others, len(docs))
	}
	return found, err
}

// trim cuts the byte order mark and blanks around a text.
func trim(data []byte) []byte {
	return bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(data), []byte("\ufeff")))
}

// documents takes the JSON values of a file apart: one after the other, be it over several
// lines or one on each, and those of a list. The error says where it ends to be JSON; a
// line that does spoils no other line.
func documents(data []byte) ([][]byte, error) {
	data = trim(data)
	switch {
	case bytes.HasPrefix(data, []byte(pointerLFS)):
		return nil, errors.New("it is the pointer of Git LFS: the file itself was not fetched")
	case len(data) == 0:
		return nil, errors.New("it is empty")
	}
	docs, err := stream(data)
	if err == nil {
		return docs, nil
	}
	var lines [][]byte
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			lines = append(lines, line)
		}
	}
	n := len(lines)
	if n < 2 || !isObject(lines[0]) && !isObject(lines[n-1]) {
		return docs, err
	}
	docs, err = nil, nil
	for i, line := range lines {
		if json.Valid(line) {
			docs = append(docs, inside(line)...)
		} else if err == nil {
			err = fmt.Errorf("entry %d of %d is not JSON, or cut off", i+1, n)
		}
	}
	return docs, err
}

func stream(data []byte) (docs [][]byte, err error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	for {
		var one json.RawMessage
		switch err := dec.Decode(&one); {
		case errors.Is(err, io.EOF):
			return docs, nil
		case err != nil:
			return docs, fmt.Errorf("it is not JSON, or cut off: %w", err)
		}
		docs = append(docs, inside(one)...)
	}
}

func isObject(data []byte) bool { return data[0] == '{' && json.Valid(data) }

// inside are the entries of a list, or of the answer of GitHub's API; else the value.
func inside(data []byte) [][]byte {
	var list []json.RawMessage
	if json.Unmarshal(data, &list) == nil {
		return slices.Collect(func(yield func([]byte) bool) {
			for _, one := range list {
				if !yield(one) {
					return
				}
			}
		})
	}
	var answer struct {
		Attestations []struct {
			Bundle json.RawMessage `json:"bundle"`
		} `json:"attestations"`
	}
	if json.Unmarshal(data, &answer) != nil || len(answer.Attestations) == 0 {
		return [][]byte{data}
	}
	var out [][]byte
	for _, a := range answer.Attestations {
		if a.Bundle == nil {
			return [][]byte{data}
		}
		out = append(out, a.Bundle)
	}
	return out
}

// sniff tells what a value is by its members; "" for anything else, with an error where
// that may be an attestation all the same.
func sniff(data []byte, lim limits) (string, error) {
	if err := strictjson.Check(data, lim.depth); err != nil {
		return "", err
	}
	m, err := strictjson.Object(data)
	if err != nil {
		return "", nil // a number, a text
	}
	mediaType, _ := strictjson.Text(m, "mediaType")
	kind, _ := strictjson.Text(m, "_type")
	switch {
	case isBundle(mediaType):
		return mediaType, nil
	case m["payloadType"] != nil && m["payload"] != nil:
		return mediaEnvelope, nil
	case kind == statementV01 || kind == statementV1:
		return mediaStatement, nil
	}
	for _, name := range []string{"payloadType", "payload", "_type", "predicateType", "dsseEnvelope", "messageSignature", "verificationMaterial", "attestations"} {
		if m[name] != nil {
			return "", fmt.Errorf("it has the member %q of an attestation, and no form that is read", name)
		}
	}
	return "", nil
}
