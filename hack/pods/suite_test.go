package pods

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/secretsync/secretsync/api/v1alpha1"
	"github.com/secretsync/secretsync/hack/localaws"
	"github.com/secretsync/secretsync/hack/node"
	"github.com/secretsync/secretsync/hack/node/eks"
	"github.com/secretsync/secretsync/hack/readme/awscommand"
	"github.com/secretsync/secretsync/hack/testenv"
	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// nodeVariable turns the tests on; "long" turns those on too that take very long.
const nodeVariable = "SECRETSYNC_NODE"

// imageVariable names an archive of the operator's image, from make image; without it the tests build a minimal image.
const imageVariable = "SECRETSYNC_IMAGE"

// releaseVariable names the folder of a release, from make release-dry-run.
const releaseVariable = "SECRETSYNC_RELEASE"

func long() bool { return os.Getenv(nodeVariable) == "long" }

const (
	administrator = "administrator"
	roleName      = "operator" // README.md creates one of the name "secretsync".
	roleARN       = "arn:aws:iam::" + localaws.DefaultAccount + ":role/" + roleName
	// byPodIdentity is a ServiceAccount of the operator's namespace with a Pod Identity association instead of an
	// annotation.
	byPodIdentity = "by-pod-identity"
)

// shared is the node of all tests, with the operator installed; nil without a node. TestMain sets it, and tests read
// it.
var shared *cluster

// cluster is a node with a local AWS.
type cluster struct {
	*node.Node
	client client.Client
	aws    *localaws.Running
	// admin calls the local AWS as an administrator.
	admin *secretsmanager.Client
	// helm is the path of Helm.
	helm string
}

func TestMain(m *testing.M) {
	if awscommand.Started() {
		os.Exit(awscommand.Run(os.Args[1:]))
	}
	ctrl.SetLogger(logr.Discard()) // Errors and the operator's own log say what the clients would log.
	if os.Getenv(nodeVariable) == "" {
		os.Exit(m.Run())
	}
	node.Main("pods", node.Options{Root: testsuite.Root, Image: os.Getenv(imageVariable)}, func(ctx context.Context, running *node.Node) (int, error) {
		made, err := newCluster(ctx, running)
		if err != nil {
			return 1, err
		}
		shared = made
		return m.Run(), nil
	})
}

func newCluster(ctx context.Context, running *node.Node) (*cluster, error) {
	helm, err := filepath.Abs(filepath.Join(testsuite.Root, "bin/helm"))
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(helm); err != nil {
		return nil, fmt.Errorf("helm is missing, run make bin/helm: %w", err)
	}
	c := &cluster{Node: running, helm: helm}
	if c.aws, err = localaws.Start(&localaws.Server{SessionLifetime: sessionLifetime}, node.Address+":0"); err != nil {
		return nil, err
	}
	c.aws.AddPrincipal(administrator, localaws.Principal{Account: localaws.DefaultAccount, ARN: "arn:aws:iam::" + localaws.DefaultAccount + ":user/" + administrator})
	c.admin = secretsmanager.New(secretsmanager.Options{
		Region: localaws.DefaultRegion, BaseEndpoint: aws.String(c.aws.URL()),
		Credentials: credentials.NewStaticCredentialsProvider(administrator, "not-checked", ""),
	})
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	if c.client, err = client.New(running.Plane.Config(), client.Options{Scheme: scheme}); err != nil {
		return nil, err
	}
	return c, c.becomeEKS(ctx)
}

// becomeEKS adds the webhook and the agent of EKS, the operator's role in AWS, and its namespace.
func (c *cluster) becomeEKS(ctx context.Context) error {
	cluster := eks.Cluster{
		Name: "tests", Config: c.Plane.Config(), AWS: c.aws.Server,
		Associations: map[string]string{testenv.OperatorNamespace + "/" + byPodIdentity: roleARN},
	}
	if err := cluster.Start(ctx); err != nil {
		return err
	}
	const issuer = node.ServiceAddress + ":443/"
	trust := `{"Statement": [
		{"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]},
		{"Effect": "Allow", "Principal": {"Federated": "arn:aws:iam::` + localaws.DefaultAccount + `:oidc-provider/` + issuer + `"},
		"Action": "sts:AssumeRoleWithWebIdentity", "Condition": {"StringEquals": {
		"` + issuer + `:sub": "system:serviceaccount:` + testenv.OperatorNamespace + `:` + testenv.OperatorAccount + `", "` + issuer + `:aud": "sts.amazonaws.com"}}}]}`
	const reading = `{"Statement": {"Effect": "Allow", "Action": ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"], "Resource": "*"}}`
	if _, err := c.aws.AddRole(localaws.Role{Name: roleName, TrustPolicy: trust, Policies: []string{reading}}); err != nil {
		return err
	}
	return c.client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: testenv.OperatorNamespace, Labels: map[string]string{
		// The API server refuses pods that do not meet the restricted Pod Security Standard.
		"pod-security.kubernetes.io/enforce": "restricted",
	}}})
}
