package controlplane

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// auditPolicy has requests of ServiceAccounts written down once they are answered, without what they
// send or get (page "Auditing" of the Kubernetes documentation).
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  userGroups: ["system:serviceaccounts"]
- level: None
`

// Request is one that a ServiceAccount has made.
type Request struct {
	Verb string
	// URI is the path and the query, for example a label selector.
	URI  string `json:"requestURI"`
	User struct{ Username string }
	// Object is empty for requests that are not about one.
	Object struct{ APIGroup, Resource, Subresource, Namespace, Name string } `json:"objectRef"`
	// Decisions are what the API server notes of how it came to its answer.
	Decisions map[string]string `json:"annotations"`
}

// Unauthorized says that RBAC did not allow the request. Admission and quotas forbid too, for other
// reasons.
func (r Request) Unauthorized() bool { return r.Decisions["authorization.k8s.io/decision"] == "forbid" }

// What names the request as a role does, for example "patch secretsync.dev secretsyncs/status".
func (r Request) What() string {
	resource := r.Object.Resource
	if r.Object.Subresource != "" {
		resource += "/" + r.Object.Subresource
	}
	return r.Verb + " " + r.Object.APIGroup + " " + resource
}

func (p *ControlPlane) auditLog() string { return filepath.Join(p.directory, "audit", "requests.json") }

func (p *ControlPlane) audit(server *envtest.APIServer) error {
	policy := filepath.Join(filepath.Dir(p.auditLog()), "policy.yaml")
	if err := os.MkdirAll(filepath.Dir(policy), 0o750); err != nil {
		return err
	}
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
		return err
	}
	server.Configure().Set("audit-policy-file", policy).Set("audit-log-path", p.auditLog())
	return nil
}

// Requests are those that ServiceAccounts have made since the start. Watches are among them once they
// have been answered, which is when they begin.
func (p *ControlPlane) Requests() ([]Request, error) {
	content, err := os.ReadFile(p.auditLog())
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	var requests []Request
	for line := range bytes.Lines(content) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // The API server writes it at this moment.
		}
		var request Request
		if err := json.Unmarshal(line, &request); err != nil {
			return nil, fmt.Errorf("reading the audit log: %w", err)
		}
		requests = append(requests, request)
	}
	return requests, nil
}
