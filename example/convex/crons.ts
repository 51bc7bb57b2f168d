import { cronJobs } from "convex/server";
import { internal } from "./_generated/api";

const crons = cronJobs();
crons.daily("uploads nobody committed", { hourUTC: 3, minuteUTC: 10 }, internal.backups.sweepUploads, {});
crons.daily("old events", { hourUTC: 3, minuteUTC: 20 }, internal.events.sweep, {});
export default crons;
