package refusal

import (
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// CredentialsError marks what went wrong before a call, while getting credentials for it. The SDK has
// no type for that, and its texts are no contract.
type CredentialsError struct {
	Cause error
	// sources are the providers that were asked.
	Sources []aws.CredentialSource
}

func (e *CredentialsError) Error() string { return "getting AWS credentials: " + e.Cause.Error() }

func (e *CredentialsError) Unwrap() error { return e.Cause }

// roleError tells which role could not be assumed.
type roleError struct {
	Role  string
	Cause error
}

func (e *roleError) Error() string { return fmt.Sprintf("assuming role %s: %v", e.Role, e.Cause) }

func (e *roleError) Unwrap() error { return e.Cause }

// ForRole leaves the name that an error has already: in a chain, that of the role which was refused.
func ForRole(role string, err error) error {
	_, named := errors.AsType[*roleError](err)
	if named || stsOperation(err) == nil {
		return err
	}
	return &roleError{Role: role, Cause: err}
}

// TokenError is a web identity token that cannot be read from its file.
type TokenError struct {
	File  string
	Cause error
}

func (e *TokenError) Error() string { return fmt.Sprintf("reading web identity token: %v", e.Cause) }

func (e *TokenError) Unwrap() error { return e.Cause }

// ErrTooLong is an answer that is longer than any answer of AWS.
var ErrTooLong = errors.New("the answer is too long")
