package localaws

import (
	"crypto/rand"
	"math/big"
	"strings"
)

const (
	lowercase   = "abcdefghijklmnopqrstuvwxyz"
	uppercase   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	numbers     = "0123456789"
	punctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"

	passwordDefault, passwordMost = 32, 4096
)

type passwordInput struct {
	PasswordLength                                                                       *int64
	ExcludeCharacters                                                                    string
	ExcludeLowercase, ExcludeNumbers, ExcludePunctuation, ExcludeUppercase, IncludeSpace bool
	RequireEachIncludedType                                                              *bool
}

// alphabets are the types of characters of a password, without excluded characters.
func (i *passwordInput) alphabets() (all []string) {
	for _, class := range []struct {
		characters string
		without    bool
	}{{lowercase, i.ExcludeLowercase}, {uppercase, i.ExcludeUppercase}, {numbers, i.ExcludeNumbers},
		{punctuation, i.ExcludePunctuation}, {" ", !i.IncludeSpace}} {
		kept := strings.Map(func(r rune) rune {
			if class.without || strings.ContainsRune(i.ExcludeCharacters, r) {
				return -1
			}
			return r
		}, class.characters)
		if kept != "" {
			all = append(all, kept)
		}
	}
	return all
}

func (s *Server) getRandomPassword(call *request, input *passwordInput) (any, error) {
	if err := s.allow(call, "secretsmanager:GetRandomPassword", "*", nil); err != nil {
		return nil, err
	}
	alphabets := input.alphabets()
	length := wanted(input.PasswordLength, passwordDefault)
	var required []string
	if input.RequireEachIncludedType == nil || *input.RequireEachIncludedType {
		required = alphabets
	}
	switch {
	case len(alphabets) == 0:
		return nil, refuse("InvalidParameterException", "The password can't be made with these parameters.")
	case length < len(required):
		return nil, refuse("InvalidParameterException", "Password length is too short based on the required types.")
	}
	password := randomPassword(strings.Join(alphabets, ""), length-len(required))
	for _, alphabet := range required { // At a random position.
		at, err := rand.Int(rand.Reader, big.NewInt(int64(len(password)+1)))
		if err != nil {
			return nil, err
		}
		password = password[:at.Int64()] + randomPassword(alphabet, 1) + password[at.Int64():]
	}
	return map[string]string{"RandomPassword": password}, nil
}

func randomPassword(alphabet string, length int) string {
	password := make([]byte, length)
	for i := range password {
		at, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
		if err != nil {
			panic(err) // Never happens: crypto/rand ends the program instead.
		}
		password[i] = alphabet[at.Int64()]
	}
	return string(password)
}
