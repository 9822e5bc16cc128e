package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// labelName and its value are on each Deployment of the operator.
const labelName, operatorName = "app.kubernetes.io/name", "secretsync"

// managerContainer is the container of the operator in its pods.
const managerContainer = "manager"

// operator is an installed operator, with the flags of its Deployment.
type operator struct {
	*appsv1.Deployment
	flags map[string]string
}

// installed are the operators of the cluster, or those that the caller can see.
func (f *Facts) installed(ctx context.Context) ([]operator, error) {
	return f.operators.get(func() ([]operator, error) {
		var list appsv1.DeploymentList
		err := f.Cluster.List(ctx, &list, client.InNamespace(metav1.NamespaceAll), client.MatchingLabels{labelName: operatorName})
		if apierrors.IsForbidden(err) {
			err = f.Cluster.List(ctx, &list, client.MatchingLabels{labelName: operatorName}, client.InNamespace(f.OperatorNamespace))
			if err == nil && len(list.Items) == 0 {
				err = apierrors.NewForbidden(appsv1.Resource("deployments"), "", fmt.Errorf("only namespace %s was checked", f.OperatorNamespace))
			}
		}
		var all []operator
		for i := range list.Items {
			all = append(all, operator{&list.Items[i], flagsOf(&list.Items[i])})
		}
		return all, err
	})
}

func rightDeployments() Right { return Right{"kubernetes", "list", "deployments"} }

// flagsOf are the flags of a manager, by name: those of its container's arguments, or of environment variables.
func flagsOf(deployment *appsv1.Deployment) map[string]string {
	flags, containers := map[string]string{}, deployment.Spec.Template.Spec.Containers
	n := max(slices.IndexFunc(containers, func(c corev1.Container) bool { return c.Name == managerContainer }), 0)
	if len(containers) == 0 {
		return flags
	}
	for _, variable := range containers[n].Env {
		if name, is := strings.CutPrefix(variable.Name, "SECRETSYNC_"); is && variable.ValueFrom == nil {
			flags[strings.ToLower(strings.ReplaceAll(name, "_", "-"))] = variable.Value
		}
	}
	arguments := slices.Concat(containers[n].Command, containers[n].Args)
	for i, argument := range arguments {
		name, is := strings.CutPrefix(argument, "-")
		name, value, given := strings.Cut(strings.TrimPrefix(name, "-"), "=")
		switch {
		case !is:
			continue
		case !given && i+1 < len(arguments) && !strings.HasPrefix(arguments[i+1], "-"):
			value = arguments[i+1]
		case !given:
			value = "true"
		}
		flags[name] = value
	}
	return flags
}

// user is the operator's name for the API server.
func (o *operator) user() string {
	return "system:serviceaccount:" + o.Namespace + ":" + o.account()
}

func (o *operator) account() string {
	if name := o.Spec.Template.Spec.ServiceAccountName; name != "" {
		return name
	}
	return "default"
}

// groupsOf are the groups that the API server gives a ServiceAccount.
func groupsOf(user string) []string {
	namespace, _, _ := strings.Cut(strings.TrimPrefix(user, "system:serviceaccount:"), ":")
	return []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"}
}

func (o *operator) String() string { return "Deployment " + o.Namespace + "/" + o.Name }

// kubectl is a command about the Deployment.
func (o *operator) kubectl(verb, rest string) Fix {
	return Fix{Command, strings.TrimSpace(fmt.Sprintf("kubectl %s deployment/%s -n %s %s", verb, o.Name, o.Namespace, rest))}
}

// watches says whether an operator works in a namespace.
func (o *operator) watches(namespace string) bool {
	names := strings.FieldsFunc(o.flags["watch-namespaces"], func(r rune) bool { return r == ',' || r == ' ' })
	return len(names) == 0 || slices.Contains(names, namespace)
}

// selects says whether an operator takes SecretSyncs with these labels.
func (o *operator) selects(of map[string]string) bool {
	selector, err := labels.Parse(o.flags["watch-label-selector"])
	return err == nil && selector.Matches(labels.Set(of))
}

// mine are the operators that work on the SecretSync. Without any, seen are all, or why they are not known.
func (s *subject) mine(ctx context.Context) (mine, seen []operator, err error) {
	seen, err = s.installed(ctx)
	for _, o := range seen {
		if o.watches(s.Namespace) && o.selects(s.Labels) {
			mine = append(mine, o)
		}
	}
	return mine, seen, err
}

// inScope is mine for checks that have nothing to look at without it.
func (s *subject) inScope(ctx context.Context) ([]operator, *Finding) {
	mine, seen, err := s.mine(ctx)
	switch {
	case err != nil:
		found := unchecked(err, rightDeployments())
		return nil, &found
	case len(seen) == 0 || len(mine) == 0:
		found := skipped("no operator is known to work on it")
		return nil, &found
	}
	return mine, nil
}

func operatorThere(ctx context.Context, s *subject) Finding {
	seen, err := s.installed(ctx)
	switch {
	case err != nil:
		return unchecked(err, rightDeployments())
	case len(seen) > 0:
		return ok(seen[0].String())
	case s.fresh:
		return skipped("no Deployment has the label " + labelName + "=" + operatorName + ", but an operator has handled the spec")
	}
	return broken("no operator is installed: no Deployment has the label "+labelName+"="+operatorName,
		Fix{Command, "helm install secretsync oci://ghcr.io/secretsync/charts/secretsync -n " + s.OperatorNamespace + " --create-namespace"})
}

func scopeNamespace(ctx context.Context, s *subject) Finding {
	seen, err := s.installed(ctx)
	switch {
	case err != nil:
		return unchecked(err, rightDeployments())
	case len(seen) == 0 || slices.ContainsFunc(seen, func(o operator) bool { return o.watches(s.Namespace) }):
		return ok("")
	}
	first := &seen[0]
	return broken(fmt.Sprintf("%s works in other namespaces only: --watch-namespaces=%s", first, first.flags["watch-namespaces"]),
		Fix{Edit, fmt.Sprintf("add %s to --watch-namespaces of %s (value watchNamespaces of the chart)", s.Namespace, first)})
}

func scopeShard(ctx context.Context, s *subject) Finding {
	mine, seen, err := s.mine(ctx)
	if err != nil {
		return unchecked(err, rightDeployments())
	}
	switch {
	case len(seen) == 0:
		return skipped("no operator is installed")
	case len(mine) == 1:
		return ok(mine[0].String())
	case len(mine) > 1:
		return warning(fmt.Sprintf("%s and %s both work on it", &mine[0], &mine[1]),
			Fix{Edit, "give each operator SecretSyncs of its own, by --watch-namespaces or --watch-label-selector"})
	}
	var selectors []string
	fixes := []Fix{{Edit, "set labels that one of the selectors matches"}}
	for _, o := range seen {
		if !o.watches(s.Namespace) {
			continue
		}
		selectors = append(selectors, fmt.Sprintf("%q", o.flags["watch-label-selector"]))
		selector, err := labels.Parse(o.flags["watch-label-selector"])
		if set := labelsFor(selector); err == nil && set != "" && fixes[0].Kind == Edit {
			fixes = []Fix{s.kubectl("label", set+" --overwrite")}
		}
	}
	return broken("no operator selects it by its labels: --watch-label-selector="+strings.Join(selectors, " or "), fixes...)
}

// labelsFor are the changes of labels that fulfil a selector, for kubectl label; empty if it is not that simple.
func labelsFor(selector labels.Selector) string {
	if selector == nil {
		return ""
	}
	requirements, _ := selector.Requirements()
	var parts []string
	for _, requirement := range requirements {
		values := requirement.ValuesUnsorted()
		switch requirement.Operator() {
		case "=", "==", "in":
			parts = append(parts, requirement.Key()+"="+slices.Min(values))
		case "!", "notin", "!=":
			parts = append(parts, requirement.Key()+"-")
		default:
			return ""
		}
	}
	return strings.Join(parts, " ")
}
