package source

import (
	"fmt"
	"io"
)

const redacted = "[redacted]"

// Value is the content of one version. It cannot be printed, logged or marshalled by accident:
// every formatting verb, and encoding/json, see "[redacted]". Bytes is the only way to the content.
//
// The content is behind a function because package fmt does not call the methods of a Value that sits
// in an unexported field of a struct: it prints what the Value is made of, and of a function only the
// address.
type Value struct {
	content func() []byte
	binary  bool
}

// TextValue is the value of a SecretString.
func TextValue(text string) Value {
	content := []byte(text)
	return Value{content: func() []byte { return content }}
}

// BinaryValue is the value of a SecretBinary. It keeps content, which the caller must not change.
func BinaryValue(content []byte) Value {
	return Value{content: func() []byte { return content }, binary: true}
}

// Bytes is the content itself, nil for the zero Value. The caller must not change it.
func (v Value) Bytes() []byte {
	if v.content == nil {
		return nil
	}
	return v.content()
}

// Binary says whether the value is a SecretBinary. It is parsed only where it is a JSON document and an entry asks for a part
// of it.
func (v Value) Binary() bool { return v.binary }

// String hides the content.
func (v Value) String() string { return redacted }

// GoString hides the content from %#v.
func (v Value) GoString() string { return redacted }

// Format hides the content from every verb of package fmt, %x and %d among them.
func (v Value) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, redacted) }

// MarshalText hides the content from encoding/json and structured loggers.
func (v Value) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalLog hides the content from logr.
func (v Value) MarshalLog() any { return redacted }
