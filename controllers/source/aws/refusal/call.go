package refusal

import (
	"net/http"
	"net/url"
	"time"

	"github.com/secretsync/secretsync/controllers/source"
)

// listSecrets is the operation that no policy can allow for some secrets alone.
const listSecrets = "ListSecrets"

// Call is what AWS was asked, as far as an explanation of its refusal tells it.
type Call struct {
	// Operation of Secrets Manager, or of STS.
	Operation string
	// Ref names the secret; zero for calls that are about no single one.
	Ref    source.Ref
	Region string
	// Host that was asked; empty where the call did not get that far.
	Host string
	// By is the identity that asked.
	By source.Identity
	// Role that is assumed to get credentials, as far as it is known, and OwnRole that of the operator's own identity.
	Role, OwnRole string
	// Timeout of the call.
	Timeout time.Duration
	// Proxy is the proxy for a request, nil for none. Nil where nothing is known of proxies.
	Proxy func(*http.Request) (*url.URL, error)
}

func (c Call) roleName() string {
	if c.Role == "" {
		return "the role of " + c.reader()
	}
	return "role " + c.Role
}

// reader is whose authority is used.
func (c Call) reader() string {
	if c.By.OperatorsOwn() {
		return "the operator"
	}
	return c.account()
}

// account is the ServiceAccount whose token is used.
func (c Call) account() string {
	if c.By.OperatorsOwn() {
		return "the operator's ServiceAccount"
	}
	return "ServiceAccount " + c.By.Namespace + "/" + c.By.ServiceAccount
}
