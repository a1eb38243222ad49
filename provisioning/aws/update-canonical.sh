#!/bin/bash
# One command for the stack that transcribes talks again: builds the job's image of the commit that is checked out,
# uploads it, and creates or updates the stack with it. Run on Linux with Docker or Podman, git and the AWS command line,
# with credentials that may do all that:
#
#   AWS_REGION=eu-south-1 provisioning/aws/update-canonical.sh [NAME=VALUE …]
#
# NAME=VALUE are parameters of canonical.yaml (UseSpotInstances=No); those that are not named stay as they are. STACK and
# REPOSITORY may be set. An image that is there already is not built again.
set -Eeuo pipefail

say() { echo "sala: $*"; }
stop() {
  say "$*" >&2
  exit 1
}

root=$(cd "$(dirname "$0")/../.." && pwd)
stack=${STACK:-sala-canonical}
repository=${REPOSITORY:-sala-canonical}
region=${AWS_REGION:-${AWS_DEFAULT_REGION:-}}
[ -n "$region" ] || stop 'set AWS_REGION to the region of the relay'
export AWS_REGION=$region AWS_PAGER=
for each in "$@"; do
  case $each in
    [A-Z]*=*) ;;
    *) stop "$each is not NAME=VALUE" ;;
  esac
done
command -v aws >/dev/null || stop 'the AWS command line is not there: apt install awscli'
engine=$(command -v docker || command -v podman) || stop 'neither Docker nor Podman is there'

# What runs is to be found again by its commit.
[ -z "$(git -C "$root" status --porcelain)" ] || stop 'there are changes that are not committed'
tag=$(git -C "$root" rev-parse HEAD)
registry=$(aws sts get-caller-identity --query Account --output text).dkr.ecr.$region.amazonaws.com

digest() {
  aws ecr describe-images --repository-name "$repository" --image-ids "imageTag=$tag" \
    --query 'imageDetails[0].imageDigest' --output text
}

if ! aws ecr describe-repositories --repository-names "$repository" >/dev/null 2>&1; then
  say "the repository $repository is made"
  aws ecr create-repository --repository-name "$repository" --image-tag-mutability IMMUTABLE \
    --image-scanning-configuration scanOnPush=true >/dev/null
fi
if image=$(digest 2>/dev/null); then
  say "the image of $tag is there already"
else
  say "the image of $tag is built: with its models it takes a while and some 30 GB"
  "$engine" build --platform linux/amd64 --file "$root/relay/canonical/job/Dockerfile" \
    --tag "$registry/$repository:$tag" "$root"
  aws ecr get-login-password | "$engine" login --username AWS --password-stdin "$registry"
  "$engine" push "$registry/$repository:$tag"
  image=$(digest)
fi
case $image in
  sha256:*) ;;
  *) stop "the registry does not know the image's hash: $image" ;;
esac

say "the stack $stack gets $image"
aws cloudformation deploy --stack-name "$stack" --template-file "$root/provisioning/aws/canonical.yaml" \
  --capabilities CAPABILITY_IAM --no-fail-on-empty-changeset \
  --parameter-overrides "Repository=$repository" "ImageDigest=$image" "$@"
aws cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0].Outputs[].[OutputKey,OutputValue]' --output text
