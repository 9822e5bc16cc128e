package localaws

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	metadataTokenHeader = "X-Aws-Ec2-Metadata-Token"
	metadataTTLHeader   = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
	metadataTTLMost     = 21600
	instanceLifetime    = 6 * time.Hour
	instanceID          = "i-0123456789abcdef0"
)

// instance is the metadata service of an EC2 instance with a role.
type instance struct {
	server *Server
	role   string
	mux    *http.ServeMux

	mutex  sync.Mutex
	tokens map[string]time.Time
}

// InstanceMetadata is the metadata service of an EC2 instance with a role, in version 2, as far as the SDKs need it for
// credentials and a region (page "Use the Instance Metadata Service to access instance metadata"). A test serves it on
// loopback, and points AWS_EC2_METADATA_SERVICE_ENDPOINT there.
func (s *Server) InstanceMetadata(roleARN string) http.Handler {
	i := &instance{server: s, role: roleARN, mux: http.NewServeMux(), tokens: map[string]time.Time{}}
	i.mux.HandleFunc("PUT /latest/api/token", i.newToken)
	i.mux.HandleFunc("GET /latest/meta-data/iam/security-credentials/{$}", i.guarded(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(i.name())) // An error means that the client is gone.
	}))
	i.mux.HandleFunc("GET /latest/meta-data/iam/security-credentials/{role}", i.guarded(i.credentials))
	i.mux.HandleFunc("GET /latest/meta-data/placement/region", i.guarded(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(s.region())) // Likewise.
	}))
	i.mux.HandleFunc("GET /latest/dynamic/instance-identity/document", i.guarded(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]string{"region": s.region(), "accountId": s.account(), "instanceId": instanceID}) // Likewise.
	}))
	return i.mux
}

func (i *instance) name() string { return i.role[strings.LastIndex(i.role, "/")+1:] }

func (i *instance) newToken(w http.ResponseWriter, r *http.Request) {
	seconds, err := strconv.Atoi(r.Header.Get(metadataTTLHeader))
	if err != nil || seconds < 1 || seconds > metadataTTLMost {
		http.Error(w, "Bad Request", http.StatusBadRequest)
		return
	}
	token := randomPassword(lowercase+uppercase, 56)
	i.mutex.Lock()
	i.tokens[token] = i.server.now().Add(time.Duration(seconds) * time.Second)
	i.mutex.Unlock()
	w.Header().Set(metadataTTLHeader, strconv.Itoa(seconds))
	_, _ = w.Write([]byte(token)) // An error means that the client is gone.
}

// guarded requires a token, as version 2 does against forged requests.
func (i *instance) guarded(serve http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		i.mutex.Lock()
		expires := i.tokens[r.Header.Get(metadataTokenHeader)] // Zero for an unknown token.
		i.mutex.Unlock()
		if !i.server.now().Before(expires) {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		serve(w, r)
	}
}

func (i *instance) credentials(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("role") != i.name() {
		http.NotFound(w, r)
		return
	}
	held, err := i.server.serviceSession(&session{name: instanceID, tags: map[string]string{}}, i.role, "ec2.amazonaws.com", instanceLifetime)
	if err != nil {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{ // Likewise.
			"Code": "AssumeRoleUnauthorizedAccess", "Message": "EC2 cannot assume the role " + i.name() + ".",
			"LastUpdated": i.server.now().UTC().Format(time.RFC3339),
		})
		return
	}
	writeContainerCredentials(w, held, map[string]string{
		"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": held.issued.UTC().Format(time.RFC3339),
	})
}
