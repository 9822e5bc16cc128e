package jmespath

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// encode writes a value as JSON. Values from the document are unchanged; computed ones have no blanks, and their fields
// are in the order of their names.
func (s *search) encode(into *bytes.Buffer, value any) error {
	before := into.Len()
	if err := s.write(into, value); err != nil {
		return err
	}
	return s.spend(into.Len() - before)
}

func (s *search) write(into *bytes.Buffer, value any) error {
	switch value := value.(type) {
	case nil:
		into.WriteString("null")
	case bool:
		into.WriteString(strconv.FormatBool(value))
	case number:
		into.WriteString(string(value))
	case string:
		return writeString(into, value)
	case *listValue:
		return s.writeList(into, value)
	case *objectValue:
		return s.writeObject(into, value)
	case unclear:
		return fail("%s", string(value))
	default:
		return fail("an expression is no value")
	}
	return nil
}

func (s *search) writeList(into *bytes.Buffer, value *listValue) error {
	if value.raw != nil {
		into.Write(value.raw)
		return nil
	}
	into.WriteByte('[')
	for i, item := range value.items {
		if i > 0 {
			into.WriteByte(',')
		}
		if err := s.encode(into, item); err != nil {
			return err
		}
	}
	into.WriteByte(']')
	return nil
}

func (s *search) writeObject(into *bytes.Buffer, value *objectValue) error {
	if value.raw != nil {
		into.Write(value.raw)
		return nil
	}
	into.WriteByte('{')
	for i, name := range value.names() {
		if i > 0 {
			into.WriteByte(',')
		}
		if err := writeString(into, name); err != nil {
			return err
		}
		into.WriteByte(':')
		if err := s.encode(into, value.fields[name]); err != nil {
			return err
		}
	}
	into.WriteByte('}')
	return nil
}

// writeString does not escape characters that are special only in HTML.
func writeString(into *bytes.Buffer, text string) error {
	encoder := json.NewEncoder(into)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		return fail("a text can't be written as JSON")
	}
	into.Truncate(into.Len() - 1) // The encoder ends each value with a line break.
	return nil
}
