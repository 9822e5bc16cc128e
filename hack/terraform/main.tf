# What SecretSync needs in AWS: a role that its ServiceAccount can assume, by IRSA or by EKS Pod Identity, and a queue of
# change events. The policies are those of README.md and docs/change-events.md.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  irsa         = var.oidc_provider_arn != null
  pod_identity = var.pod_identity_cluster != null
  arn_prefix   = "arn:${data.aws_partition.current.partition}:secretsmanager:${data.aws_region.current.region}:${data.aws_caller_identity.current.account_id}:secret"

  trust_irsa = [for provider in var.oidc_provider_arn[*] : {
    Effect    = "Allow"
    Principal = { Federated = provider }
    Action    = "sts:AssumeRoleWithWebIdentity"
    Condition = {
      StringEquals = {
        "${split(":oidc-provider/", provider)[1]}:sub" = "system:serviceaccount:${var.namespace}:${var.service_account}"
        "${split(":oidc-provider/", provider)[1]}:aud" = "sts.amazonaws.com"
      }
    }
  }]
  trust_pod_identity = [for cluster in var.pod_identity_cluster[*] : {
    Effect    = "Allow"
    Principal = { Service = "pods.eks.amazonaws.com" }
    Action    = ["sts:AssumeRole", "sts:TagSession"]
  }]

  read = [
    {
      Effect   = "Allow"
      Action   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
      Resource = [for name in var.secrets : "${local.arn_prefix}:${name}-??????"]
    },
    {
      Effect   = "Allow"
      Action   = ["secretsmanager:BatchGetSecretValue", "secretsmanager:ListSecrets"]
      Resource = "*"
    },
  ]
  receive = [for queue in aws_sqs_queue.changes : {
    Effect   = "Allow"
    Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage"]
    Resource = queue.arn
  }]
}

resource "aws_iam_role" "operator" {
  name               = var.name
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = concat(local.trust_irsa, local.trust_pod_identity) })

  lifecycle {
    precondition {
      condition     = local.irsa || local.pod_identity
      error_message = "Set oidc_provider_arn for IRSA, or pod_identity_cluster for EKS Pod Identity."
    }
  }
}

resource "aws_iam_role_policy" "operator" {
  name   = var.name
  role   = aws_iam_role.operator.name
  policy = jsonencode({ Version = "2012-10-17", Statement = concat(local.read, local.receive) })
}

resource "aws_eks_pod_identity_association" "operator" {
  count = local.pod_identity ? 1 : 0

  cluster_name    = var.pod_identity_cluster
  namespace       = var.namespace
  service_account = var.service_account
  role_arn        = aws_iam_role.operator.arn
}
