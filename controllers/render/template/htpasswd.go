package template

import (
	"crypto/sha512"
	"encoding/base64"
	"regexp"
	"strings"
)

// cryptSalt is a salt of crypt(3), of 8 characters at least.
var cryptSalt = regexp.MustCompile(`^[./0-9A-Za-z]{8,16}$`)

func htpasswdFunctions() map[string]function {
	return map[string]function{
		"htpasswd":  {3, 3, 100_000, htpasswd},
		"basicAuth": {2, 2, 0, func(c *call) any { return "Basic " + basic(c.text(0), c.text(1)) }},
	}
}

// htpasswd is a line of a file for basic authentication, with the hash "$6$" of crypt(3).
//
// The salt is an argument. A random salt would give another line at each reconcile. A salt that is derived from the
// name or the password would be the same for equal ones, which a salt has to prevent. It need not be secret; it should
// be random, and be kept beside the password in AWS.
func htpasswd(c *call) any {
	user, password, salt := c.text(0), c.text(1), c.text(2)
	if user == "" || strings.ContainsAny(user, ":\r\n\x00") {
		c.refuse("the name must not be empty, or have a colon, a line break or a byte 0")
	}
	if len(password) > 256 || strings.ContainsRune(password, 0) || password == "" {
		c.refuse("the password must have 1 to 256 bytes, none of them 0")
	}
	if !cryptSalt.MatchString(salt) {
		c.refuse("the salt must have 8 to 16 characters out of ./0-9A-Za-z: keep a random one beside the password")
	}
	return user + ":$6$" + salt + "$" + sha512crypt([]byte(password), []byte(salt)) + "\n"
}

// cryptRounds is the default of crypt(3), which the hash does not mention.
const cryptRounds = 5000

// sha512crypt is the scheme of "Unix crypt using SHA-256 and SHA-512" by Ulrich Drepper.
func sha512crypt(password, salt []byte) string {
	alternate := sha512.New()
	alternate.Write(password)
	alternate.Write(salt)
	alternate.Write(password)
	first := sha512.New()
	first.Write(password)
	first.Write(salt)
	first.Write(stretch(alternate.Sum(nil), len(password)))
	for bits := len(password); bits > 0; bits >>= 1 {
		if bits&1 != 0 {
			first.Write(alternate.Sum(nil))
		} else {
			first.Write(password)
		}
	}
	digest := first.Sum(nil)
	fromPassword := sha512.New()
	for range len(password) {
		fromPassword.Write(password)
	}
	p := stretch(fromPassword.Sum(nil), len(password))
	fromSalt := sha512.New()
	for range 16 + int(digest[0]) {
		fromSalt.Write(salt)
	}
	s := stretch(fromSalt.Sum(nil), len(salt))
	for round := range cryptRounds {
		digest = cryptRound(round, digest, p, s)
	}
	return cryptText(digest)
}

func cryptRound(round int, digest, p, s []byte) []byte {
	sum := sha512.New()
	if round&1 != 0 {
		sum.Write(p)
	} else {
		sum.Write(digest)
	}
	if round%3 != 0 {
		sum.Write(s)
	}
	if round%7 != 0 {
		sum.Write(p)
	}
	if round&1 != 0 {
		sum.Write(digest)
	} else {
		sum.Write(p)
	}
	return sum.Sum(nil)
}

// stretch repeats a digest up to a length.
func stretch(digest []byte, length int) []byte {
	var long []byte
	for len(long) < length {
		long = append(long, digest[:min(len(digest), length-len(long))]...)
	}
	return long
}

// cryptText encodes a digest in the alphabet and the byte order of the scheme.
func cryptText(digest []byte) string {
	const alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	var b strings.Builder
	write := func(word, digits int) {
		for range digits {
			b.WriteByte(alphabet[word&63])
			word >>= 6
		}
	}
	for i := range 21 {
		// Each group has the bytes i, i+21 and i+42, rotated by one from group to group.
		group := [3]int{i, i + 21, i + 42}
		turn := i % 3
		high, middle, low := group[turn], group[(turn+1)%3], group[(turn+2)%3]
		write(int(digest[high])<<16|int(digest[middle])<<8|int(digest[low]), 4)
	}
	write(int(digest[63]), 2)
	return b.String()
}

func basic(username, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(username + ":" + password))
}
