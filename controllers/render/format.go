package render

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

const certificateBlock = "CERTIFICATE"

// spendFormat takes the steps for checking the format of a value.
func (w Work) spendFormat(field string, format v1alpha1.ValueFormat, value []byte) error {
	price := formatPrice
	if format == v1alpha1.ValueFormatCertificate || format == v1alpha1.ValueFormatPEM {
		price = certificatePrice
	}
	return w.spend(field, fmt.Sprintf("looking through %d bytes", len(value)), len(value)*price+keyPrice)
}

// checkFormat says why a value is not in a format, by offsets and numbers of blocks, never by content.
func checkFormat(format v1alpha1.ValueFormat, value []byte) error {
	switch format {
	case "":
		return nil
	case v1alpha1.ValueFormatJSON:
		return syntax(value)
	case v1alpha1.ValueFormatUTF8:
		return checkText(value)
	case v1alpha1.ValueFormatPEM:
		_, err := blocks(value)
		return err
	case v1alpha1.ValueFormatCertificate:
		return checkCertificates(value)
	}
	return errors.New("this version knows no such format")
}

func checkText(value []byte) error {
	if at := bytes.IndexByte(value, 0); at >= 0 {
		return fmt.Errorf("a NUL character at byte %d", at+1)
	}
	for at := 0; at < len(value); {
		character, width := utf8.DecodeRune(value[at:])
		if character == utf8.RuneError && width == 1 {
			return fmt.Errorf("not UTF-8 at byte %d", at+1)
		}
		at += width
	}
	return nil
}

// blocks are the PEM blocks of a value, at least one. Text between them is ignored, as in all programs. A block that
// begins but can't be read is an error: a chain would lose a certificate.
func blocks(value []byte) ([]*pem.Block, error) {
	var found []*pem.Block
	for rest := value; ; {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		found = append(found, block)
	}
	if len(found) == 0 {
		return nil, errors.New("no PEM block that can be read" + led(": ", pemFlaw(value)))
	}
	if begun := bytes.Count(value, []byte(beginPEM)); begun > len(found) {
		return nil, fmt.Errorf("of %d PEM blocks only %d can be read%s", begun, len(found), led(": ", pemFlaw(value)))
	}
	return found, nil
}

// led is a text with a prefix, or empty if the text is.
func led(by, text string) string {
	if text == "" {
		return ""
	}
	return by + text
}

func checkCertificates(value []byte) error {
	found, err := blocks(value)
	if err != nil {
		return err
	}
	for i, block := range found {
		if block.Type != certificateBlock {
			return fmt.Errorf("PEM block %d is of another type", i+1)
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fmt.Errorf("PEM block %d holds no certificate that can be read", i+1)
		}
	}
	return nil
}
