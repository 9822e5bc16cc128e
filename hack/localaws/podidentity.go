package localaws

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/secretsync/secretsync/controllers/iam"
	"github.com/secretsync/secretsync/hack/localaws/webtoken"
)

const (
	// PodIdentityPath is the path of the EKS Pod Identity agent.
	PodIdentityPath = "/v1/credentials"

	podIdentityAudience = "pods.eks.amazonaws.com"
	podIdentityLifetime = 6 * time.Hour
)

// PodIdentity is an EKS cluster with its Pod Identity associations.
type PodIdentity struct {
	// Cluster is the cluster's name.
	Cluster string
	// Issuer of the cluster's tokens, and its JSON Web Key Set. No OIDC provider is needed for them.
	Issuer string
	Keys   func(context.Context) ([]byte, error)
	// Roles are the ARNs of the roles of ServiceAccounts, by "namespace/name".
	Roles map[string]string
}

// podAgent is the agent on a node.
type podAgent struct {
	server  *Server
	cluster PodIdentity
	issuer  provider
}

// PodIdentityAgent is the agent on a cluster's nodes: it answers GET, with a Pod's projected token in the header
// Authorization, by credentials in JSON (page "Understand how EKS Pod Identity works"). A test serves it on loopback,
// and points AWS_CONTAINER_CREDENTIALS_FULL_URI at PodIdentityPath there.
func (s *Server) PodIdentityAgent(cluster PodIdentity) http.Handler {
	return &podAgent{server: s, cluster: cluster, issuer: provider{OIDCProvider: OIDCProvider{Issuer: cluster.Issuer, Keys: cluster.Keys}}}
}

// ServeHTTP answers one request for credentials.
func (a *podAgent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != PodIdentityPath || r.Method != http.MethodGet {
		http.NotFound(w, r)
		return
	}
	held, err := a.credentials(r)
	call := &request{operation: "AssumeRoleForPodIdentity", userAgent: r.UserAgent(), at: place{account: a.server.account(), region: a.server.region()}}
	if held != nil {
		call.caller.ARN, call.assumed = held.arn(), held.role.arn
	}
	a.server.record(call, err)
	if refusal, is := errors.AsType[*awsError](err); is {
		// The agent's own error: plain text that contains the answer of EKS Auth.
		http.Error(w, "["+newUUID()+"]: ("+refusal.code+"): "+refusal.message+", fault: client", refusal.status)
		return
	}
	writeContainerCredentials(w, held, map[string]string{"AccountId": held.role.Account})
}

// writeContainerCredentials writes what the SDKs' container and instance providers read.
func writeContainerCredentials(w http.ResponseWriter, held *session, more map[string]string) {
	answer := map[string]string{
		"AccessKeyId": held.accessKeyID, "SecretAccessKey": held.secretAccessKey, "Token": held.token,
		"Expiration": held.expires.UTC().Format(time.RFC3339),
	}
	maps.Copy(answer, more)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // An error means that the client is gone.
}

// credentials does the work of EKS Auth's AssumeRoleForPodIdentity.
func (a *podAgent) credentials(r *http.Request) (*session, error) {
	token, err := webtoken.Read(r.Header.Get("Authorization"))
	if err != nil {
		return nil, refuse("InvalidTokenException", "Service account token cannot be parsed: %v", err)
	}
	if token.Issuer != a.cluster.Issuer || !slices.Contains(token.Audience, podIdentityAudience) {
		return nil, refuse("InvalidTokenException", "The token included in the request is not for EKS Pod Identity of this cluster")
	}
	if err := a.issuer.verify(r.Context(), token); err != nil {
		return nil, refuse("InvalidTokenException", "The token included in the request is invalid")
	}
	if a.server.timely(token) != nil {
		return nil, refuse("ExpiredTokenException", "The token included in the request is expired")
	}
	of := token.Cluster
	if of.Pod.Name == "" {
		return nil, refuse("InvalidTokenException", "The token included in the request is not bound to a Pod")
	}
	arn, associated := a.cluster.Roles[of.Namespace+"/"+of.ServiceAccount.Name]
	if !associated {
		return nil, &awsError{code: "ResourceNotFoundException", message: "No association found for the ServiceAccount of the token", status: http.StatusNotFound}
	}
	return a.assume(arn, of)
}

// assume begins a session with the tags that page "Grant Pods access to AWS resources based on tags"
// lists, all of them transitive.
func (a *podAgent) assume(arn string, of webtoken.Kubernetes) (*session, error) {
	name := "eks-" + a.cluster.Cluster + "-" + of.Pod.Name + "-" + newUUID()
	tags := map[string]string{
		"eks-cluster-arn":            newARN(Partition(a.server.region()), "eks", a.server.region(), a.server.account(), "cluster/"+a.cluster.Cluster),
		"eks-cluster-name":           a.cluster.Cluster,
		"kubernetes-namespace":       of.Namespace,
		"kubernetes-service-account": of.ServiceAccount.Name,
		"kubernetes-pod-name":        of.Pod.Name,
		"kubernetes-pod-uid":         of.Pod.UID,
	}
	held := &session{name: name[:min(len(name), 64)], tags: tags}
	for key := range tags {
		held.transitive = append(held.transitive, key)
	}
	slices.Sort(held.transitive)
	return a.server.serviceSession(held, arn, "pods.eks.amazonaws.com", podIdentityLifetime)
}

// serviceSession begins a session for a service, if the role's trust policy names the service.
func (s *Server) serviceSession(held *session, arn, service string, lasts time.Duration) (*session, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	held.role = s.iam.roles[arn]
	if held.role == nil {
		return nil, refuse("InvalidParameterException", "The role of the association does not exist")
	}
	actions := []string{assumeAction}
	if len(held.tags) > 0 {
		actions = append(actions, tagAction)
	}
	for _, action := range actions {
		asked := &iam.Request{Action: action, Resource: arn, Account: held.role.Account,
			Principal: iam.Principal{Account: held.role.Account, Service: service}, Context: iam.Context{}}
		asked.Context.SetTags("aws:RequestTag/", held.tags)
		if !(iam.Policies{Resource: held.role.trust}).DecideOwned(asked).Allowed {
			return nil, refuse("AccessDeniedException", "Unauthorized Exception! EKS does not have permissions to assume the associated role.")
		}
	}
	return s.begin(held, lasts), nil
}
