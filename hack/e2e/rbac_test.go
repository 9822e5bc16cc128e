package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"github.com/secretsync/secretsync/hack/controlplane"
	"github.com/secretsync/secretsync/hack/testenv"
)

// roleOf reads the rules of a file below config, as "verb group resource".
func roleOf(file string) ([]string, error) {
	content, err := os.ReadFile(filepath.Join(root, "config", file))
	if err != nil {
		return nil, err
	}
	var clusterRole rbacv1.ClusterRole
	if err := yaml.Unmarshal(content, &clusterRole); err != nil {
		return nil, err
	}
	var allowed []string
	for _, rule := range clusterRole.Rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					allowed = append(allowed, verb+" "+group+" "+resource)
				}
			}
		}
	}
	return allowed, nil
}

// elsewhere says whether only other clusters need a permission: those whose API server does not stream lists, where
// watches begin with a list (page "Kubernetes API Concepts", "Streaming lists"), and those that allow a new owner of an
// object only to those who may delete it (page "Admission Control", OwnerReferencesPermissionEnforcement).
func elsewhere(allowed string) bool {
	return strings.HasPrefix(allowed, "list ") || allowed == "delete coordination.k8s.io leases"
}

// requests are the operator's requests about objects in the setup's namespace.
func (s *setup) requests() (own []controlplane.Request) {
	s.Helper()
	all, err := s.env.Plane.Requests()
	if err != nil {
		s.Fatal(err)
	}
	for _, request := range all {
		if request.Object.Namespace == s.namespace && strings.HasPrefix(request.User.Username, "system:serviceaccount:"+testenv.OperatorNamespace+":") {
			own = append(own, request)
		}
	}
	return own
}

// checkRoles compares roles with the operator's requests to the API server: no request may have been forbidden, and no
// permission unused.
func checkRoles(plane *controlplane.ControlPlane, account string, files ...string) error {
	requests, err := plane.Requests()
	if err != nil {
		return err
	}
	user := "system:serviceaccount:" + testenv.OperatorNamespace + ":" + account
	var problems []error
	asked := map[string]bool{}
	for _, request := range requests {
		if request.User.Username != user {
			continue
		}
		asked[request.What()] = true
		if request.Unauthorized() {
			problems = append(problems, fmt.Errorf("the operator was forbidden to %s (%s/%s)", request.What(), request.Object.Namespace, request.Object.Name))
		}
	}
	if len(asked) == 0 {
		return fmt.Errorf("the audit log has no request of %s: nothing is checked", user)
	}
	for _, file := range files {
		allowed, err := roleOf(file)
		if err != nil {
			return err
		}
		for _, permission := range allowed {
			if !asked[permission] && !elsewhere(permission) {
				problems = append(problems, fmt.Errorf("config/%s allows to %s, which the operator never does", file, permission))
			}
		}
	}
	slices.SortFunc(problems, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(problems...)
}
