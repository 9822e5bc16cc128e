package main

import (
	"bufio"
	"context"
	"io"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/secretsync/secretsync/hack/testenv/testsuite"
)

// stream runs the plugin and sends each line that it prints.
func (s *setup) stream(ctx context.Context, lines chan<- string, arguments ...string) (code int) {
	reader, writer := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for scanner := bufio.NewScanner(reader); scanner.Scan(); {
			lines <- strings.Join(strings.Fields(scanner.Text()), " ")
		}
	}()
	code = run(ctx, append([]string{"--kubeconfig", shared.Plane.Kubeconfig(), "-n", s.namespace}, arguments...),
		genericiooptions.IOStreams{In: strings.NewReader(""), Out: writer, ErrOut: io.Discard})
	_ = writer.Close() // Never fails.
	<-done
	return code
}

// expectLine waits for the next line.
func (s *setup) expectLine(lines <-chan string, want string) {
	s.Helper()
	select {
	case got := <-lines:
		if got != want {
			s.Errorf("printed %q, want %q", got, want)
		}
	case <-time.After(testsuite.Deadline):
		s.Fatalf("%q was not printed", want)
	}
}

// grant lets a user get and list some kinds in the namespace.
func (s *setup) grant(user string, resources ...string) {
	s.Helper()
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: user},
		Rules: []rbacv1.PolicyRule{{APIGroups: []string{"secretsync.dev", ""}, Resources: resources, Verbs: []string{"get", "list"}}}}
	binding := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: user},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: user}},
		RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: user}}
	if err := shared.Client.Create(s.Context(), role); err != nil {
		s.Fatal(err)
	}
	if err := shared.Client.Create(s.Context(), binding); err != nil {
		s.Fatal(err)
	}
}
