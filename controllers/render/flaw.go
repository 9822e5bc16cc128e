package render

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// jsonBlanks are all characters that JSON allows between its parts.
const jsonBlanks = " \t\r\n"

// objectFlaw says why a content is no JSON object. It names positions, invisible characters and punctuation, and
// nothing else of the content.
func objectFlaw(content []byte) string {
	if around := wrapping(content, isObject, "the JSON object"); around != "" {
		return around
	}
	return jsonFlaw(content)
}

// jsonFlaw says why a content is not JSON, or which kind of JSON it is.
func jsonFlaw(content []byte) string {
	var whole json.RawMessage
	err := json.Unmarshal(content, &whole)
	if err == nil {
		return kindFlaw(bytes.Trim(content, jsonBlanks))
	}
	refused, ok := errors.AsType[*json.SyntaxError](err)
	if !ok {
		return errOtherKind
	}
	text := fmt.Sprintf("syntax error at byte %d", refused.Offset)
	if detail := syntaxDetail(content, refused); detail != "" {
		text += ": " + detail
	}
	return text
}

// kindFlaw names the kind of a valid JSON value that is no object.
func kindFlaw(content []byte) string {
	if len(content) == 0 {
		return errOtherKind
	}
	switch content[0] {
	case 'n':
		return "it is null"
	case 't', 'f':
		return "it is a JSON boolean"
	case '[':
		return "it is a JSON array"
	case '"':
		return "it is a JSON string"
	case '{':
		return errOtherKind
	}
	return "it is a JSON number"
}

// syntaxDetail explains a syntax error by its place; empty if that does not explain it. encoding/json has the kind of
// the error in its text only.
func syntaxDetail(content []byte, refused *json.SyntaxError) string {
	at := int(refused.Offset) - 1
	if at < 0 || at >= len(content) || strings.Contains(refused.Error(), "unexpected end") {
		return "it ends too early"
	}
	if strings.Contains(refused.Error(), "after top-level value") {
		return "something follows behind the JSON value"
	}
	if !plainJSON(content) {
		return "it does not begin as JSON does"
	}
	character, _ := utf8.DecodeRune(content[at:])
	if strings.Contains(refused.Error(), "in string literal") {
		return stringDetail(character)
	}
	if strings.Contains(refused.Error(), "string escape") {
		return "a backslash before a character that JSON does not escape"
	}
	return partDetail(content[:at], character, strings.Contains(refused.Error(), "looking for beginning of object key string"))
}

// stringDetail says which character is not allowed in a string.
func stringDetail(character rune) string {
	switch character {
	case '\n', '\r':
		return `a raw line break in a string, where JSON has \n`
	case '\t':
		return `a raw tab in a string, where JSON has \t`
	}
	return "a control character in a string"
}

// partDetail says which character is not allowed between the parts, after the content before it.
func partDetail(before []byte, character rune, name bool) string {
	closes := character == '}' || character == ']'
	switch {
	case character == '\'':
		return "a single quote, where JSON has double ones"
	case strings.ContainsRune("“”„‟‘’", character):
		return "a typographic quote, where JSON has plain ones"
	case invisible(character):
		return named(character) + " between the parts of the JSON"
	case character == '\\':
		return "a backslash outside of a string"
	case closes && bytes.HasSuffix(bytes.TrimRight(before, jsonBlanks), []byte(",")):
		return "a comma with nothing behind it"
	case name:
		return "the name of a field without double quotes"
	}
	return ""
}

// plainJSON says whether a content begins with a bracket, and so is probably meant to be JSON.
func plainJSON(content []byte) bool { return begins(content, '{') || begins(content, '[') }

// wrapping says what is around a content that would be right without it; empty if nothing is.
func wrapping(content []byte, right func([]byte) bool, what string) string {
	inner, before := trimInvisible(content, bytes.TrimLeftFunc)
	inner, behind := trimInvisible(inner, bytes.TrimRightFunc)
	switch {
	case before != "" && right(inner):
		return before + " stands before " + what
	case behind != "" && right(inner):
		return behind + " stands behind " + what
	}
	var text string
	for encoded := inner; json.Unmarshal(encoded, &text) == nil; encoded = []byte(text) {
		if right([]byte(text)) {
			return "it is a JSON string with " + what + " in it, as if encoded twice"
		}
	}
	if quoted(inner, right) {
		return "quotes stand around " + what
	}
	if escaped := escapes(inner, right); escaped != "" {
		return escaped
	}
	if decoded, err := decode(v1alpha1.DecodingBase64, inner); err == nil && right(decoded) {
		return "it is " + what + " in Base64"
	}
	return ""
}

// quoted says whether a content would be right without the quotes around it.
func quoted(content []byte, right func([]byte) bool) bool {
	for _, quotes := range []string{`''`, `""`, "``", "“”", "‘’", "„“", "«»"} {
		opening, width := utf8.DecodeRuneInString(quotes)
		body, ok := bytes.CutPrefix(content, []byte(string(opening)))
		if body, closed := bytes.CutSuffix(body, []byte(quotes[width:])); ok && closed && right(body) {
			return true
		}
	}
	return false
}

// escapes says which characters of a content are escapes that should be the characters themselves.
func escapes(content []byte, right func([]byte) bool) string {
	for _, escape := range []struct{ written, means, says string }{
		{`\n`, "\n", `its line breaks are written as the two characters \n`},
		{`\"`, `"`, `its quotes are written as the two characters \"`},
	} {
		if !bytes.Contains(content, []byte(escape.written)) {
			continue
		}
		body := bytes.Trim(content, `'"`)
		body = bytes.ReplaceAll(bytes.ReplaceAll(body, []byte(`\r`), nil), []byte(escape.written), []byte(escape.means))
		if right(body) {
			return escape.says
		}
	}
	return ""
}

// isObject says whether a content is a JSON object.
func isObject(content []byte) bool { return begins(content, '{') && json.Valid(content) }

// trimInvisible cuts blanks and invisible characters from an end, and names one that is not allowed in JSON.
func trimInvisible(content []byte, trim func([]byte, func(rune) bool) []byte) (inner []byte, name string) {
	inner = trim(content, func(character rune) bool {
		if strings.ContainsRune(jsonBlanks, character) {
			return true
		}
		if !invisible(character) {
			return false
		}
		name = named(character)
		return true
	})
	return inner, name
}

func invisible(character rune) bool {
	return character == 0 || unicode.Is(unicode.Cf, character) || unicode.IsSpace(character) && !strings.ContainsRune(jsonBlanks, character)
}

// named is the name of an invisible character.
func named(character rune) string {
	switch character {
	case '\uFEFF':
		return "a byte order mark (U+FEFF)"
	case '\u00A0':
		return "a no-break space (U+00A0)"
	case '\u200B':
		return "a zero-width space (U+200B)"
	case 0:
		return "a NUL character"
	}
	return fmt.Sprintf("an invisible character (U+%04X)", character)
}
