package render

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// decode returns the bytes that a text encodes. Padding may be missing; blanks and line breaks are ignored. Errors have
// an offset and no content.
func decode(decoding v1alpha1.Decoding, encoded []byte) ([]byte, error) {
	encoding := base64.RawStdEncoding
	switch decoding {
	case v1alpha1.DecodingBase64:
	case v1alpha1.DecodingBase64URL:
		encoding = base64.RawURLEncoding
	default:
		return nil, errors.New("a decoding that is not known")
	}
	dense, positions := dropBlanks(encoded)
	body := bytes.TrimRight(dense, "=")
	padding := len(dense) - len(body)
	if padding > 0 && (padding > 2 || len(dense)%4 != 0) {
		return nil, fmt.Errorf("wrong padding at byte %d", positions[len(body)]+1)
	}
	decoded := make([]byte, encoding.DecodedLen(len(body)))
	length, err := encoding.Decode(decoded, body)
	if corrupt, ok := errors.AsType[base64.CorruptInputError](err); ok {
		at := min(int(corrupt), len(body)-1)
		return nil, fmt.Errorf("wrong at byte %d", positions[at]+1)
	}
	if err != nil {
		return nil, errors.New("wrong length")
	}
	return decoded[:length], nil
}

// dropBlanks returns a text without blanks and line breaks, and the original position of each of its bytes.
func dropBlanks(text []byte) ([]byte, []int) {
	dense, positions := make([]byte, 0, len(text)), make([]int, 0, len(text))
	for at, character := range text {
		switch character {
		case ' ', '\t', '\r', '\n':
			continue
		}
		dense, positions = append(dense, character), append(positions, at)
	}
	return dense, positions
}
