package rawjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Member is one field of an object, as it is written.
type Member struct {
	// Name is the name as encoding/json decodes it.
	Name string
	// RawName is the name with its quotes and escapes.
	RawName json.RawMessage
	Value   json.RawMessage
}

// Members lists the fields of an object in the order in which they are written, including those that occur twice. The
// content must be valid JSON. The result is nil if it is not an object.
func Members(content []byte) []Member {
	s := scanner{content: content}
	if s.blanks(); s.next() != '{' {
		return nil
	}
	var members []Member
	s.at++
	for s.blanks(); s.next() == '"'; s.blanks() {
		name := s.value()
		s.blanks()
		s.at++ // The colon.
		s.blanks()
		members = append(members, Member{Name: decoded(name), RawName: name, Value: s.value()})
		if s.blanks(); s.next() == ',' {
			s.at++
		}
	}
	return members
}

// Items lists the items of a list as they are written. The content must be valid JSON. The result is nil if it is not a
// list.
func Items(content []byte) []json.RawMessage {
	s := scanner{content: content}
	if s.blanks(); s.next() != '[' {
		return nil
	}
	items := []json.RawMessage{}
	s.at++
	for s.blanks(); s.next() != ']' && s.next() != 0; s.blanks() {
		items = append(items, s.value())
		if s.blanks(); s.next() == ',' {
			s.at++
		}
	}
	return items
}

func decoded(name json.RawMessage) string {
	if len(name) >= 2 && bytes.IndexByte(name, '\\') < 0 && utf8.Valid(name) {
		return string(name[1 : len(name)-1])
	}
	var text string
	if json.Unmarshal(name, &text) != nil {
		return ""
	}
	return text
}

// HalfPair says whether a JSON string has a \u escape of a surrogate without its other half (RFC 8259, section 8.2),
// which stands for no character.
func HalfPair(raw []byte) bool { return halfPair(raw) >= 0 }

// halfPair is where in a JSON string such an escape begins; -1 for nowhere.
func halfPair(raw []byte) int {
	for at := 0; at < len(raw); at++ {
		if raw[at] != '\\' {
			continue
		}
		unit, ok := escaped(raw[at:])
		if !ok {
			at++ // An escape of one character, which may be a backslash itself.
			continue
		}
		const length = len(`\u0000`)
		if !utf16.IsSurrogate(unit) {
			at += length - 1
			continue
		}
		second, ok := escaped(raw[min(at+length, len(raw)):])
		if !ok || utf16.DecodeRune(unit, second) == '\uFFFD' {
			return at
		}
		at += 2*length - 1
	}
	return -1
}

// escaped is the UTF-16 unit of the \u escape that a text begins with.
func escaped(raw []byte) (rune, bool) {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(raw[2:6]), 16, 16)
	return rune(unit), err == nil
}

// Check refuses a text in which, at any depth, a field occurs twice, or a \u escape is half of a pair. The content must
// be valid JSON. Errors have an offset and no content.
func Check(content []byte) error {
	s := scanner{content: content}
	var open []map[string]struct{} // nil for a list
	for s.at < len(s.content) {
		switch s.next() {
		case '{':
			open = append(open, map[string]struct{}{})
		case '[':
			open = append(open, nil)
		case '}', ']':
			open = open[:max(len(open)-1, 0)]
		case '"':
			if err := s.text(open); err != nil {
				return err
			}
			continue
		}
		s.at++
	}
	return nil
}

// text skips a string, which is the name of a field if a colon follows.
func (s *scanner) text(open []map[string]struct{}) error {
	start := s.at
	raw := s.value()
	if at := halfPair(raw); at >= 0 {
		return fmt.Errorf(`at byte %d a \u escape is half of a pair`, start+at+1)
	}
	if s.blanks(); s.next() != ':' || len(open) == 0 || open[len(open)-1] == nil {
		return nil
	}
	names, name := open[len(open)-1], decoded(raw)
	if _, twice := names[name]; twice {
		return fmt.Errorf("at byte %d a field is there for the second time in its object", start+1)
	}
	names[name] = struct{}{}
	return nil
}

// scanner reads valid JSON.
type scanner struct {
	content []byte
	at      int
}

// next is the next byte; 0 at the end.
func (s *scanner) next() byte {
	if s.at < len(s.content) {
		return s.content[s.at]
	}
	return 0
}

func (s *scanner) blanks() {
	for s.next() == ' ' || s.next() == '\t' || s.next() == '\r' || s.next() == '\n' {
		s.at++
	}
}

// value skips the next value, and returns it.
func (s *scanner) value() json.RawMessage {
	start := s.at
	for depth := 0; s.at < len(s.content); {
		switch s.next() {
		case '"':
			s.quoted()
		case '{', '[':
			depth++
			s.at++
		case '}', ']':
			if depth == 0 {
				return s.content[start:s.at]
			}
			depth--
			s.at++
		case ',', ':', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return s.content[start:s.at]
			}
			s.at++
			continue
		default:
			s.at++
			continue
		}
		if depth == 0 {
			return s.content[start:s.at]
		}
	}
	return s.content[start:]
}

// quoted skips a string.
func (s *scanner) quoted() {
	for s.at++; s.at < len(s.content); s.at++ {
		switch s.content[s.at] {
		case '\\':
			s.at++
		case '"':
			s.at++
			return
		}
	}
	s.at = len(s.content)
}
