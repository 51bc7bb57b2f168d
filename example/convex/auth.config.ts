// Whose tokens this deployment accepts: its own, made by Convex Auth.
export default {
  providers: [{ domain: process.env.CONVEX_SITE_URL!, applicationID: "convex" }],
};
