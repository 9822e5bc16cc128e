package localaws

import (
	"encoding/json"
	"net/http"
)

// adminPath is where a server that runs as a program is set up: it has no counterpart in AWS.
const adminPath = "/_localaws/"

// serveAdmin knows GET calls, and POST rules, faults, rate, key and reset, each with a JSON body.
func (s *Server) serveAdmin(w http.ResponseWriter, r *http.Request, body []byte) {
	what := r.URL.Path[len(adminPath):]
	if what == "calls" && r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.Calls()) // The client is gone; nobody is left to tell.
		return
	}
	if r.Method != http.MethodPost {
		http.Error(w, "post to rules, faults, rate, key or reset, or get calls", http.StatusMethodNotAllowed)
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
		}
		if err := json.Unmarshal(body, &key); err != nil {
			return err
		}
		s.DisableKey(key.Key, key.Disabled)
		s.DenyKey(key.Key, key.Denied...)
	case "reset":
		s.ResetCalls()
	default:
		return refuse("NotFound", "there is nothing named %q to set up", what)
	}
	return nil
}
