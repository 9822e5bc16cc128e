package localaws

import (
	"context"
	"encoding/json"
	"net/http"
)

// adminPath is the path by which a server that runs as a program is set up. It has no counterpart in AWS.
const adminPath = "/_localaws/"

// serveAdmin serves GET calls and events, and POST for setUp, with a JSON body.
func (s *Server) serveAdmin(w http.ResponseWriter, r *http.Request, body []byte) {
	what := r.URL.Path[len(adminPath):]
	if what == "calls" && r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.Calls()) // An error means that the client is gone.
		return
	}
	if what == "events" && r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.Events()) // Likewise.
		return
	}
	if r.Method != http.MethodPost {
		http.Error(w, "post to what docs/try-without-aws.md lists, or get calls or events", http.StatusMethodNotAllowed)
		return
	}
	if err := s.setUp(what, body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

func (s *Server) setUp(what string, body []byte) error {
	switch what {
	case "rules":
		var rules []Rule
		if err := json.Unmarshal(body, &rules); err != nil {
			return err
		}
		s.SetRules(rules...)
	case "faults":
		var faults []Fault
		if err := json.Unmarshal(body, &faults); err != nil {
			return err
		}
		s.SetFaults(faults...)
	case "rate":
		var rate struct {
			Operation string
			PerSecond float64
		}
		if err := json.Unmarshal(body, &rate); err != nil {
			return err
		}
		s.SetRate(rate.Operation, rate.PerSecond)
	case "key":
		var key struct {
			Key      string
			Disabled bool
			Denied   []string
			// Policy is the key's policy document as JSON, not as a string.
			Policy json.RawMessage
			Grants []string
		}
		if err := json.Unmarshal(body, &key); err != nil {
			return err
		}
		s.DisableKey(key.Key, key.Disabled)
		s.DenyKey(key.Key, key.Denied...)
		return s.SetKeyPolicy(key.Key, string(key.Policy), key.Grants...)
	case "users", "roles", "providers":
		return s.setUpIdentity(what, body)
	case "queues", "event-rules", "delivery", "flush-events", "outages", "replication-lag", "staleness", "times":
		return s.setUpEvents(what, body)
	case "forget-identities":
		s.ForgetIdentities()
	case "reset":
		s.ResetCalls()
	default:
		return refuse("NotFound", "there is nothing named %q to set up", what)
	}
	return nil
}

// setUpIdentity adds one user, role or OIDC provider; the latter with its key set in JWKS.
func (s *Server) setUpIdentity(what string, body []byte) error {
	var err error
	switch what {
	case "users":
		var u User
		if err = json.Unmarshal(body, &u); err == nil {
			_, err = s.AddUser(u)
		}
	case "roles":
		var r Role
		if err = json.Unmarshal(body, &r); err == nil {
			_, err = s.AddRole(r)
		}
	case "providers":
		var p struct {
			OIDCProvider
			JWKS json.RawMessage
		}
		if err = json.Unmarshal(body, &p); err == nil {
			p.Keys = func(context.Context) ([]byte, error) { return p.JWKS, nil }
			_, err = s.AddOIDCProvider(p.OIDCProvider)
		}
	}
	return err
}
