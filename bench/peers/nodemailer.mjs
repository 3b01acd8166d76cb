// nodemailer as its manual recommends it for many mails: pooled, with as many connections as ours, no limit of messages.
//     node nodemailer.mjs MAIL.json PORT CONNECTIONS COUNT FIRST
// Personalised where ours is: To, List-Unsubscribe, three slots in the HTML and in the text.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const nodemailer = createRequire(process.env.BENCH_NODE_MODULES + "/")("nodemailer");
const [file, port, connections, count, first] = process.argv.slice(2);
const mail = JSON.parse(readFileSync(file, "utf8"));
const site = "https://lettre.journal.example";

const transport = nodemailer.createTransport({
  pool: true,
  host: "127.0.0.1",
  port: Number(port),
  secure: false,
  ignoreTLS: true,
  name: "journal.example",
  maxConnections: Number(connections),
  maxMessages: Infinity,
});

function message(number) {
  const own = {
    "{address}": `lecteur${number}@lecteurs.example`,
    "{unsubscribe}": `${site}/u/${String(number).padStart(32, "x")}`,
    "{preferences}": `${site}/p/${String(number).padStart(32, "x")}`,
  };
  const fill = (text) => text.replace(/\{(?:address|unsubscribe|preferences)\}/g, (slot) => own[slot]);
  return {
    from: { name: "Le Quotidien du Golfe", address: "lettre@journal.example" },
    replyTo: "redaction@journal.example",
    to: own["{address}"],
    subject: mail.subject,
    text: fill(mail.text),
    html: fill(mail.html),
    headers: {
      "List-Id": "<lettre.journal.example>",
      "List-Unsubscribe": `<${own["{unsubscribe}"]}>`,
      "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    },
  };
}

let next = Number(first);
const end = next + Number(count);
async function lane() {
  while (next < end) await transport.sendMail(message(next++));
}
// Twice as many as there are connections: none of them ever waits for the next mail to be ready.
await Promise.all(Array.from({ length: 2 * Number(connections) }, lane));
transport.close();
