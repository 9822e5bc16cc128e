package leastprivilege

import (
	"cmp"
	"maps"
	"slices"
)

// stsAudience is the audience of the tokens of ServiceAccounts.
const stsAudience = "sts.amazonaws.com"

// Trusted are the facts that a trust policy needs.
type Trusted struct {
	// Issuer is the cluster's issuer of tokens, without https://.
	Issuer string
	// Account is that of the cluster's OIDC provider.
	Account, Partition string
	// Namespace and ServiceAccount are those of the operator.
	Namespace, ServiceAccount string
	// OperatorRole is the operator's role, and RoleOf that of a ServiceAccount.
	OperatorRole string
	RoleOf       func(namespace, name string) string
}

// Trust is the trust policy of the principal's role: who may assume it, and for which namespaces.
func (g *Grant) Trust(facts Trusted) Document {
	if g.Principal.RoleARN == "" {
		namespace, name := cmp.Or(g.Principal.Namespace, facts.Namespace), cmp.Or(g.Principal.ServiceAccount, facts.ServiceAccount)
		return document([]Statement{{
			Sid: "Tokens", Effect: "Allow", Action: []string{"sts:AssumeRoleWithWebIdentity"},
			Principal: map[string]string{"Federated": "arn:" + facts.Partition + ":iam::" + facts.Account + ":oidc-provider/" + facts.Issuer},
			Condition: Condition{equals: {
				facts.Issuer + ":sub": {"system:serviceaccount:" + namespace + ":" + name}, facts.Issuer + ":aud": {stsAudience},
			}},
		}})
	}
	var statements []Statement
	users := slices.SortedFunc(maps.Keys(g.users), func(a, b Principal) int { return cmp.Compare(rank(a), rank(b)) })
	for _, user := range users {
		role := user.RoleARN
		switch {
		case role == "" && user.ServiceAccount != "":
			role = facts.RoleOf(user.Namespace, user.ServiceAccount)
		case role == "":
			role = facts.OperatorRole
		}
		condition := map[string][]string{"aws:RequestTag/kubernetes-namespace": unique(g.users[user].namespaces)}
		if ids := unique(g.users[user].externalIDs); len(ids) > 0 {
			condition["sts:ExternalId"] = ids
		}
		statements = append(statements, Statement{
			Sid: "Assume", Effect: "Allow", Action: []string{assumeRole, tagSession}, Principal: map[string]string{"AWS": role}, Condition: Condition{equals: condition},
		})
	}
	return document(statements)
}

// UsedByOperator says whether the operator itself assumes the principal's role.
func (g *Grant) UsedByOperator() bool { return g.users[Principal{}] != nil }

func unique(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}
