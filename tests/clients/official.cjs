// Segment's own TypeScript SDK, as published, against the service: only the base URL is changed.
const sdk = require("@segment/public-api-sdk-typescript");

const [baseUrl, token, spaceId, audienceId] = process.argv.slice(2);
const open = (Api) => {
  const api = new Api(baseUrl);
  api.accessToken = token;
  return api;
};
const equal = (found, wanted, what) => {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    throw new Error(`${what}: ${JSON.stringify(found)} is not ${JSON.stringify(wanted)}`);
  }
};

async function main() {
  const audiences = open(sdk.AudiencesApi);
  const listed = await sdk.unwrap(audiences.listAudiences(spaceId, { count: 1 }));
  equal(listed.audiences.map((one) => one.id), [audienceId], "listAudiences");
  equal(listed.pagination.current !== undefined, true, "pagination");
  const got = (await sdk.unwrap(audiences.getAudience(spaceId, audienceId))).audience;
  equal([got.id, got.spaceId, got.enabled], [audienceId, spaceId, true], "getAudience");
  const changed = await sdk.unwrap(
    audiences.updateAudienceForSpace(spaceId, audienceId, { enabled: false }),
  );
  equal([changed.audience.id, changed.audience.enabled], [audienceId, false], "updateAudienceForSpace");

  const spaces = open(sdk.SpacesApi);
  const found = await sdk.unwrap(spaces.listSpaces({ count: 10 }));
  equal(found.spaces.some((one) => one.id === spaceId), true, "listSpaces");
  equal((await sdk.unwrap(spaces.getSpace(spaceId))).space.id, spaceId, "getSpace");

  const trail = open(sdk.AuditTrailApi);
  const events = (await sdk.unwrap(trail.listAuditEvents({ count: 5 }))).events;
  equal(events.some((one) => one.resourceId === audienceId), true, "listAuditEvents");
  equal(events.every((one) => !Number.isNaN(new Date(one.timestamp).getTime())), true, "timestamps");

  const missing = await audiences.getAudience(spaceId, "aud_nobody").catch((error) => error);
  equal(missing.statusCode ?? missing.response?.statusCode, 404, "an unknown audience");
  equal((await sdk.unwrap(audiences.removeAudienceFromSpace(spaceId, audienceId))).status, "SUCCESS", "remove");
  console.log("official sdk: audiences, spaces and audit trail done");
}

main().catch((error) => {
  console.error(error.body ?? error);
  process.exit(1);
});
