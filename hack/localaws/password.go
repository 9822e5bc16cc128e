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
	PasswordLength                                                                       int
	ExcludeCharacters                                                                    string
	ExcludeLowercase, ExcludeNumbers, ExcludePunctuation, ExcludeUppercase, IncludeSpace bool
}

func (s *Server) getRandomPassword(call *request, input *passwordInput) (any, error) {
	if err := s.allow(call, "secretsmanager:GetRandomPassword", "*", nil); err != nil {
		return nil, err
	}
	alphabet := ""
	for _, part := range []struct {
		characters string
		without    bool
	}{{lowercase, input.ExcludeLowercase}, {uppercase, input.ExcludeUppercase}, {numbers, input.ExcludeNumbers},
		{punctuation, input.ExcludePunctuation}, {" ", !input.IncludeSpace}} {
		if !part.without {
			alphabet += part.characters
		}
	}
	alphabet = strings.Map(func(r rune) rune {
		if strings.ContainsRune(input.ExcludeCharacters, r) {
			return -1
		}
		return r
	}, alphabet)
	if input.PasswordLength == 0 {
		input.PasswordLength = passwordDefault
	}
	if alphabet == "" || input.PasswordLength < 1 || input.PasswordLength > passwordMost {
		return nil, refuse("InvalidParameterException", "The password can't be made with these parameters.")
	}
	return map[string]string{"RandomPassword": randomPassword(alphabet, input.PasswordLength)}, nil
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
