// Package eks adds to a node what EKS adds to its clusters for credentials: the webhook that gives pods a projected
// token and the SDK's environment variables, for IRSA and for EKS Pod Identity, and the Pod Identity agent. A local AWS
// checks the tokens by the cluster's keys.
//
// It is for tests, and may import node, localaws and Kubernetes clients.
package eks

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/node"
)

// Cluster is what EKS knows about a cluster.
type Cluster struct {
	// Name of the cluster.
	Name string
	// Config is that of an administrator.
	Config *rest.Config
	// AWS checks the cluster's tokens.
	AWS *localaws.Server
	// Associations are the ARNs of the roles of ServiceAccounts for EKS Pod Identity, by "namespace/name". IRSA is
	// configured by the ServiceAccounts' annotations.
	Associations map[string]string
}

const readTimeout = 10 * time.Second

// Start trusts the cluster's tokens in AWS, registers the webhook, and starts the agent. All of it ends with the node.
func (c Cluster) Start(ctx context.Context) error {
	clients, err := kubernetes.NewForConfig(c.Config)
	if err != nil {
		return err
	}
	issuer, err := c.discover(ctx)
	if err != nil {
		return err
	}
	if _, err := c.AWS.AddOIDCProvider(issuer); err != nil {
		return err
	}
	agent := c.AWS.PodIdentityAgent(localaws.PodIdentity{Cluster: c.Name, Issuer: issuer.Issuer, Keys: issuer.Keys, Roles: c.Associations})
	if err := serve(node.PodIdentityAddress+":80", agent, nil); err != nil {
		return err
	}
	certificate, key, err := node.NewCertificate("webhook")
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return err
	}
	const address = node.Address + ":9443"
	if err := serve(address, webhook{clients: clients, associations: c.Associations}, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}); err != nil {
		return err
	}
	return register(ctx, clients, "https://"+address, certificate)
}

func (c Cluster) discover(ctx context.Context) (localaws.OIDCProvider, error) {
	client, err := rest.HTTPClientFor(c.Config)
	if err != nil {
		return localaws.OIDCProvider{}, err
	}
	return localaws.DiscoverProvider(ctx, client, c.Config.Host)
}

func serve(address string, handler http.Handler, secure *tls.Config) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	if secure != nil {
		listener = tls.NewListener(listener, secure)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: readTimeout}
	go func() { _ = server.Serve(listener) }() // It serves until the process ends.
	return nil
}

// register makes the API server call the webhook for each new pod. EKS's own is ignored if it fails; this one must
// not, so that no test runs without a token.
func register(ctx context.Context, clients kubernetes.Interface, url string, authority []byte) error {
	fail, none := admissionregistrationv1.Fail, admissionregistrationv1.SideEffectClassNone
	_, err := clients.AdmissionregistrationV1().MutatingWebhookConfigurations().Create(ctx, &admissionregistrationv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "pod-identity-webhook"},
		Webhooks: []admissionregistrationv1.MutatingWebhook{{
			Name: "iam-for-pods.amazonaws.com", FailurePolicy: &fail, SideEffects: &none, AdmissionReviewVersions: []string{"v1"},
			ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: &url, CABundle: authority},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{corev1.GroupName}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}},
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("registering the webhook: %w", err)
	}
	return nil
}
