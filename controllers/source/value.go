package source

import (
	"fmt"
	"io"
)

const redacted = "[redacted]"

// Value is the content of one version. It cannot be printed, logged or marshalled by accident:
// every formatting verb, and encoding/json, see "[redacted]". Bytes is the only way to the content.
type Value struct {
	content []byte
	binary  bool
}

// TextValue is the value of a SecretString.
func TextValue(text string) Value { return Value{content: []byte(text)} }

// BinaryValue is the value of a SecretBinary. It keeps content, which the caller must not change.
func BinaryValue(content []byte) Value { return Value{content: content, binary: true} }

// Bytes is the content itself. The caller must not change it.
func (v Value) Bytes() []byte { return v.content }

// Binary says whether the value is a SecretBinary, which is never looked into.
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
