package controlplane

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// auditPolicy logs requests of ServiceAccounts once they are answered, without the objects that they send or get (page
// "Auditing" of the Kubernetes documentation).
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  userGroups: ["system:serviceaccounts"]
- level: None
`

// Request is a request of a ServiceAccount.
type Request struct {
	Verb string
	// URI is the path and the query, for example a label selector.
	URI  string `json:"requestURI"`
	User struct{ Username string }
	// Object is what the request is about; empty for requests without an object.
	Object struct{ APIGroup, Resource, Subresource, Namespace, Name string } `json:"objectRef"`
	// Decisions are the API server's annotations about its decision.
	Decisions map[string]string `json:"annotations"`
}

// Unauthorized says that RBAC refused the request, rather than admission or a quota.
func (r Request) Unauthorized() bool { return r.Decisions["authorization.k8s.io/decision"] == "forbid" }

// What names the request like a rule of a role, for example "patch secretsync.dev secretsyncs/status".
func (r Request) What() string {
	resource := r.Object.Resource
	if r.Object.Subresource != "" {
		resource += "/" + r.Object.Subresource
	}
	return r.Verb + " " + r.Object.APIGroup + " " + resource
}

// AuditLog is the file with one record of the API server a line.
func (p *ControlPlane) AuditLog() string { return filepath.Join(p.directory, "audit", "requests.json") }

func (p *ControlPlane) audit(server *envtest.APIServer) error {
	policy := filepath.Join(filepath.Dir(p.AuditLog()), "policy.yaml")
	if err := os.MkdirAll(filepath.Dir(policy), 0o750); err != nil {
		return err
	}
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
		return err
	}
	server.Configure().Set("audit-policy-file", policy).Set("audit-log-path", p.AuditLog())
	return nil
}

// Requests are the requests of ServiceAccounts since the start. Watches are included from their beginning, when they
// are answered.
func (p *ControlPlane) Requests() ([]Request, error) {
	content, err := os.ReadFile(p.AuditLog())
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	var requests []Request
	for line := range bytes.Lines(content) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // The API server is still writing this line.
		}
		var request Request
		if err := json.Unmarshal(line, &request); err != nil {
			return nil, fmt.Errorf("reading the audit log: %w", err)
		}
		requests = append(requests, request)
	}
	return requests, nil
}
