package readme_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/secretsync/secretsync/hack/testenv"
)

// node does what the page needs of a node and of the webhook of EKS: it runs the operator's pod as a process, with the
// token and the variables of IRSA, and makes pods ready. A pod of the operator gets ready once its process is.
type node struct {
	env    *testenv.Environment
	folder string

	mutex    sync.Mutex
	manager  *testenv.Manager
	starts   int
	problems []error
}

// startNode runs a node until the test ends.
func startNode(t *testing.T, env *testenv.Environment) *node {
	t.Helper()
	n := &node{env: env, folder: t.TempDir()}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if err := n.runPods(ctx); err != nil && ctx.Err() == nil {
				n.note(err)
			}
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		<-ended
		if n.manager != nil {
			if err := n.manager.Stop(); err != nil {
				t.Errorf("the operator did not end well: %v", err)
			}
		}
	})
	return n
}

// runPods runs the pods that do not run yet.
func (n *node) runPods(ctx context.Context) error {
	var pods corev1.PodList
	if err := n.env.Client.List(ctx, &pods); err != nil {
		return err
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		if pod.Status.Phase == corev1.PodRunning {
			continue
		}
		if pod.Namespace == testenv.OperatorNamespace {
			if err := n.runOperator(ctx, pod); err != nil {
				return err
			}
		}
		before := pod.DeepCopy()
		pod.Status.Phase = corev1.PodRunning
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()}}
		err := n.env.Client.Status().Patch(ctx, pod, client.MergeFrom(before))
		if client.IgnoreNotFound(err) != nil && !apierrors.IsConflict(err) {
			return err
		}
	}
	return nil
}

// runOperator starts the operator as its pod says. If it exits, it is started again in the next round, as the kubelet
// does.
func (n *node) runOperator(ctx context.Context, pod *corev1.Pod) error {
	account := pod.Spec.ServiceAccountName
	if err := n.env.ActAs(ctx, pod.Namespace, account); err != nil {
		return err
	}
	credentials, err := n.credentials(ctx, pod.Namespace, account)
	if err != nil {
		return err
	}
	n.env.Credentials = credentials
	flags := slices.DeleteFunc(slices.Clone(pod.Spec.Containers[0].Args), func(flag string) bool { // Tests share the machine.
		return strings.HasPrefix(flag, "--metrics-bind-address=") || strings.HasPrefix(flag, "--health-probe-bind-address=")
	})
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.starts++
	manager, err := n.env.StartManager(fmt.Sprintf("operator-%d", n.starts), flags...)
	if err != nil {
		return err
	}
	n.manager = manager
	return nil
}

// credentials are the variables that the webhook of EKS sets for a ServiceAccount with a role.
func (n *node) credentials(ctx context.Context, namespace, name string) ([]string, error) {
	account := &corev1.ServiceAccount{}
	if err := n.env.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, account); err != nil {
		return nil, err
	}
	roleARN := account.Annotations["eks.amazonaws.com/role-arn"]
	if roleARN == "" {
		return nil, errors.New("the ServiceAccount has no annotation with a role")
	}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{Audiences: []string{"sts.amazonaws.com"}}}
	if err := n.env.Client.SubResource("token").Create(ctx, account, request); err != nil {
		return nil, err
	}
	file := filepath.Join(n.folder, "token")
	return []string{"AWS_ROLE_ARN=" + roleARN, "AWS_WEB_IDENTITY_TOKEN_FILE=" + file, "AWS_STS_REGIONAL_ENDPOINTS=regional", "AWS_EC2_METADATA_DISABLED=true"},
		os.WriteFile(file, []byte(request.Status.Token), 0o600)
}

func (n *node) note(err error) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.problems = append(n.problems, err)
}

// picture is what the node has had to report, and the end of the operator's log.
func (n *node) picture() string {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	text := fmt.Sprintln(errors.Join(n.problems...))
	if n.manager != nil {
		text += n.manager.Tail()
	}
	return text
}
