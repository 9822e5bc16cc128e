package refusal

import (
	"fmt"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"

	"github.com/secretsync/secretsync/controllers/source"
)

// malformedError is a part of credentials that no request can carry, or that AWS never gives: most
// often a line break at its end. It has nothing of the value itself.
type malformedError struct {
	// part names the part and where it comes from; fault says what is wrong with it.
	part, fault string
	// advice is how the part is corrected.
	advice string
}

func (e *malformedError) Error() string { return e.part + " " + e.fault }

func (e *malformedError) explain() *source.Error {
	return &source.Error{Kind: source.CredentialsUnavailable, Explanation: fmt.Sprintf("%s %s: %s; AWS was not asked", e.part, e.fault, e.advice)}
}

// credentialsPart is a part of credentials, as each of the places that they come from names it.
type credentialsPart struct {
	name      string
	variables []string
	setting   string
}

// Malformed finds the part of credentials that is none, before a request is signed with it. It looks at the
// credentials of each request, and so takes no memory where there is nothing to find.
func Malformed(c *aws.Credentials) error {
	switch {
	case !graphic(c.AccessKeyID):
		part := credentialsPart{"access key id", []string{"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"}, "aws_access_key_id"}
		return part.malformed(c.AccessKeyID, c.Source)
	case !graphic(c.SecretAccessKey):
		part := credentialsPart{"secret access key", []string{"AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"}, "aws_secret_access_key"}
		return part.malformed(c.SecretAccessKey, c.Source)
	case !graphic(c.SessionToken):
		part := credentialsPart{"session token", []string{"AWS_SESSION_TOKEN"}, "aws_session_token"}
		return part.malformed(c.SessionToken, c.Source)
	}
	return nil
}

// graphic says whether a text is of visible ASCII characters alone, and not in quotation marks, as all parts of
// credentials are.
func graphic(value string) bool {
	for i := range len(value) {
		if value[i] <= ' ' || value[i] > '~' {
			return false
		}
	}
	return value == "" || value[0] != '"' && value[0] != '\''
}

func (p *credentialsPart) malformed(value, from string) error {
	e := &malformedError{fault: wrongIn(value), advice: "correct it there"}
	file, shared := strings.CutPrefix(from, "SharedConfigCredentials: ")
	switch {
	case shared:
		e.part = fmt.Sprintf("%s in %s", p.setting, file)
		if profile := os.Getenv("AWS_PROFILE"); profile != "" {
			e.part += fmt.Sprintf(", for profile %s,", profile)
		}
	case from == config.CredentialsSourceName:
		e.part = "environment variable " + p.variable()
		e.advice = "correct it in the Secret or the manifest that it comes from; echo adds a line break, printf %s does not"
	case from == endpointcreds.ProviderName:
		e.part = fmt.Sprintf("the %s from the container credentials endpoint", p.name)
		e.advice = "look at what answers there (AWS_CONTAINER_CREDENTIALS_FULL_URI)"
	case from == stscreds.ProviderName, from == stscreds.WebIdentityProviderName:
		e.part = fmt.Sprintf("the %s from AWS STS", p.name)
		e.advice = "look for a proxy, or an endpoint that is not AWS's (AWS_ENDPOINT_URL), that changes its answers"
	case from == processcreds.ProviderName:
		e.part = fmt.Sprintf("the %s from the credential process", p.name)
	default:
		e.part = fmt.Sprintf("the %s from %s", p.name, from)
	}
	return e
}

// variable is the environment variable that the SDK has taken the part from.
func (p *credentialsPart) variable() string {
	for _, name := range p.variables {
		if os.Getenv(name) != "" {
			return name
		}
	}
	return p.variables[0]
}

// Variables of the token that a container credentials endpoint is asked with.
const (
	agentVariable     = "AWS_CONTAINER_AUTHORIZATION_TOKEN"
	agentFileVariable = agentVariable + "_FILE"
)

// malformedAgentToken looks at the token that the container credentials endpoint was to be asked with, the file first
// as the SDK does; nil where nothing is wrong with it.
func malformedAgentToken() *malformedError {
	token := os.Getenv(agentVariable)
	e := &malformedError{part: "environment variable " + agentVariable, advice: "correct it where it comes from"}
	if file := os.Getenv(agentFileVariable); file != "" {
		content, _ := os.ReadFile(file) //nolint:gosec // The SDK reads the file that this variable names too, and says so where it cannot.
		token = string(content)
		e = &malformedError{part: fmt.Sprintf("the token in %s (%s)", file, agentFileVariable), advice: "correct it there"}
	}
	if graphic(token) {
		return nil
	}
	e.fault = wrongIn(token)
	return e
}

// wrongIn says what is wrong with a text, and where, but nothing of the text.
func wrongIn(text string) string {
	switch last := text[len(text)-1]; last {
	case '\n':
		return "ends in a line break"
	case '\r':
		return "ends in a carriage return"
	case ' ', '\t':
		return "ends in a blank"
	}
	switch text[0] {
	case '\n', '\r':
		return "begins with a line break"
	case ' ', '\t':
		return "begins with a blank"
	case '"', '\'':
		return "begins with a quotation mark"
	}
	if strings.HasPrefix(text, "\ufeff") {
		return "begins with a byte order mark"
	}
	for at := range len(text) {
		switch c := text[at]; {
		case c == '\n', c == '\r':
			return fmt.Sprintf("has a line break at byte %d", at+1)
		case c == ' ', c == '\t':
			return fmt.Sprintf("has a blank at byte %d", at+1)
		case c < ' ', c == '\x7f':
			return fmt.Sprintf("has a control character at byte %d", at+1)
		case c >= utf8.RuneSelf:
			return fmt.Sprintf("has a character at byte %d that is not ASCII text", at+1)
		}
	}
	return "cannot be sent"
}
