package source

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

const marker = "hunter2-marker"

// disguises are the ways in which fmt and encoding/json would write the marker.
func disguises() []string {
	numbers := strings.Trim(fmt.Sprintf("%d", []byte(marker)), "[]")
	return []string{
		marker,
		hex.EncodeToString([]byte(marker)),
		strings.ToUpper(hex.EncodeToString([]byte(marker))),
		fmt.Sprintf("% x", marker),
		numbers,
		strings.ReplaceAll(numbers, " ", ","),
		strings.Trim(strings.TrimPrefix(fmt.Sprintf("%#v", []byte(marker)), "[]byte"), "{}"),
		base64.StdEncoding.EncodeToString([]byte(marker)),
	}
}

func refuseLeak(t *testing.T, how, printed string) {
	t.Helper()
	for _, disguise := range disguises() {
		if strings.Contains(printed, disguise) {
			t.Errorf("%s shows the value, as %q", how, disguise)
		}
	}
}

// hidden holds values where fmt cannot call their methods.
type hidden struct {
	value   Value
	fetched Fetched
	pointer *Value
}

func holders() map[string]any {
	text, binary := TextValue(marker), BinaryValue([]byte(marker))
	return map[string]any{
		"a text":                          text,
		"a binary":                        binary,
		"a pointer":                       &text,
		"a slice":                         []Value{text, binary},
		"a map":                           map[string]Value{"a": text},
		"an observation":                  Resolution{Version: Version{ARN: "arn"}, Value: &text, Hint: "hint"},
		"a pointer to an observation":     &Resolution{Value: &binary},
		"an answer":                       Fetched{Value: text},
		"a pointer to an answer":          &Fetched{Value: binary},
		"a struct with unexported fields": hidden{value: text, fetched: Fetched{Value: binary}, pointer: &text},
		"a pointer to such a struct":      &hidden{value: binary, fetched: Fetched{Value: text}, pointer: &binary},
	}
}

func TestNoWayOfPrintingShowsAValue(t *testing.T) {
	for name, holder := range holders() {
		t.Run(name, func(t *testing.T) {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%o", "%b", "%c", "%U", "%t", "%p"} {
				refuseLeak(t, verb, fmt.Sprintf(verb, holder))
			}
			refuseLeak(t, "a wrapped error", fmt.Errorf("syncing: %w", fmt.Errorf("%v", holder)).Error())
			encoded, err := json.Marshal(holder)
			if err != nil {
				t.Fatal(err)
			}
			refuseLeak(t, "encoding/json", string(encoded))
			var log bytes.Buffer
			slog.New(slog.NewJSONHandler(&log, nil)).Info("syncing", "held", holder)
			slog.New(slog.NewTextHandler(&log, nil)).Info("syncing", "held", holder)
			refuseLeak(t, "log/slog", log.String())
		})
	}
}

func TestPrintingAValueSaysThatItIsRedacted(t *testing.T) {
	for _, verb := range []string{"%v", "%s", "%#v", "%x"} {
		if got := fmt.Sprintf(verb, TextValue(marker)); got != "[redacted]" {
			t.Errorf("%s gives %q", verb, got)
		}
	}
	if got := TextValue(marker).MarshalLog(); got != "[redacted]" {
		t.Errorf("MarshalLog gives %v", got)
	}
}

func TestBytesAreTheContent(t *testing.T) {
	binary := []byte{0, 0xff, '\n', 0}
	for name, test := range map[string]struct {
		value  Value
		want   []byte
		binary bool
	}{
		"a text":          {TextValue("a\r\n\u00e9"), []byte("a\r\n\u00e9"), false},
		"an empty text":   {TextValue(""), []byte{}, false},
		"a binary":        {BinaryValue(binary), binary, true},
		"the zero Value":  {Value{}, nil, false},
		"an empty binary": {BinaryValue(nil), nil, true},
	} {
		if !bytes.Equal(test.value.Bytes(), test.want) || test.value.Binary() != test.binary {
			t.Errorf("%s: %d bytes, binary %v", name, len(test.value.Bytes()), test.value.Binary())
		}
	}
}

func TestKindOf(t *testing.T) {
	cause := errors.New("cause")
	refusal := &Error{Kind: Throttled, Explanation: "slow down", Cause: cause}
	for name, test := range map[string]struct {
		err  error
		want Kind
	}{
		"a refusal":         {refusal, Throttled},
		"a wrapped refusal": {fmt.Errorf("observing: %w", refusal), Throttled},
		"another error":     {cause, ""},
		"no error":          {nil, ""},
	} {
		if got := KindOf(test.err); got != test.want {
			t.Errorf("%s is of kind %q, want %q", name, got, test.want)
		}
	}
	if !errors.Is(refusal, cause) {
		t.Error("the cause is not in the chain")
	}
	if got := refusal.Error(); got != "Throttled: slow down" {
		t.Errorf("the text is %q", got)
	}
}
