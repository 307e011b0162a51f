// Opens pages in a headless browser and prints what is there as JSON; for the tests and for people:
//   node tests/report/page/look.mjs out/black-thursday/report.html --pictures out/pictures
// The browser is the one that BREAKWATER_BROWSER names; or, on Linux on x86, the one inside the package
// @sparticuz/chromium; or the first chromium or chrome on the PATH.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, delimiter, dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");
const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

async function browser() {
  const named = process.env.BREAKWATER_BROWSER;
  if (named) return { executablePath: named, args: ["--no-sandbox"] };
  if (process.platform === "linux" && process.arch === "x64") return unpacked();
  const found = (process.env.PATH ?? "").split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name)));
  const installed = found.find((path) => existsSync(path));
  if (installed) return { executablePath: installed, args: [] };
  console.error(`no browser: put one of ${NAMES.join(", ")} on the PATH, or name one with BREAKWATER_BROWSER`);
  process.exit(3);
}

// Unpacks the browser once, with the libraries and fonts that a bare machine may lack.
async function unpacked() {
  process.env.AWS_LAMBDA_JS_RUNTIME = "nodejs20.x"; // what the package takes as a sign of a bare machine
  const packed = (await import("@sparticuz/chromium")).default;
  packed.setGraphicsMode = false;
  const cache = join(dirname(require.resolve("playwright-core/package.json")), "..", ".cache");
  const home = join(cache, "chromium");
  if (!existsSync(home)) {
    mkdirSync(cache, { recursive: true });
    const draft = mkdtempSync(join(cache, "draft-")); // several tests may begin at once
    const before = process.env.TMPDIR;
    process.env.TMPDIR = draft; // where the package unpacks to
    await packed.executablePath();
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    // The package's own file names folders that only its first home, a cloud service, has.
    writeFileSync(join(draft, "fonts.conf"), `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
  <dir>${join(home, "fonts")}</dir>
  <cachedir>${join(home, "font-cache")}</cachedir>
</fontconfig>
`);
    try {
      renameSync(draft, home);
    } catch (error) {
      if (!existsSync(home)) throw error;
      rmSync(draft, { recursive: true });
    }
  }
  return {
    executablePath: join(home, "chromium"),
    args: packed.args,
    env: { ...process.env, LD_LIBRARY_PATH: join(home, "al2023", "lib"), FONTCONFIG_FILE: join(home, "fonts.conf") },
  };
}

// Runs in the page: everything that a test compares.
const seen = () => {
  const figures = JSON.parse(document.getElementById("charts").textContent);
  const cells = (row) => [...row.children].map((cell) => cell.textContent.trim());
  return {
    title: document.title,
    lang: document.documentElement.lang,
    headings: [...document.querySelectorAll("h1, h2, h3")].map((one) => [Number(one.tagName[1]), one.textContent.trim()]),
    data: Object.fromEntries(
      [...document.querySelectorAll("data[data-name]")].map((one) => [one.dataset.name, [Number(one.value), one.textContent]]),
    ),
    paragraphs: [...document.querySelectorAll("main section > p")].map((one) => one.textContent.trim()),
    tables: [...document.querySelectorAll("table")].map((table) => ({
      caption: table.caption?.textContent,
      header: cells(table.tHead.rows[0]),
      rows: [...table.tBodies[0].rows].map(cells),
      folded: Boolean(table.closest("details:not([open])")),
    })),
    charts: [...document.querySelectorAll(".plot")].map((plot) => ({
      id: plot.id,
      label: plot.getAttribute("aria-label"),
      invalid: (Plotly.validate(figures[plot.id].data, figures[plot.id].layout) ?? []).map((one) => one.msg),
      traces: plot.data.map((trace) => ({ name: trace.name, points: (trace.x ?? []).length })),
      axes: Object.fromEntries(
        Object.entries(plot.layout).filter(([name]) => /^[xy]axis/.test(name)).map(([name, axis]) => [name, axis.title.text]),
      ),
      drawn: plot.querySelectorAll(".main-svg path").length,
      width: plot.getBoundingClientRect().width,
      source: Boolean(plot.closest(".chart").querySelector("details.source table")),
    })),
    // Without any font all letters have the same box, or none.
    letters: ["i", "W"].map((letter) => {
      const pen = document.createElement("canvas").getContext("2d");
      pen.font = getComputedStyle(document.body).font;
      return pen.measureText(letter).width;
    }),
    wide: document.documentElement.scrollWidth - innerWidth,
  };
};

async function slide(page) {
  const slider = page.locator(".slider input").first();
  if (!(await slider.count())) return null;
  const now = () => page.evaluate(() => {
    const box = document.querySelector(".slider");
    const { shapes } = document.getElementById(box.dataset.timeline).layout;
    const names = [...box.querySelectorAll("dt")].map((one) => one.textContent);
    const texts = [...box.querySelectorAll("dd")].map((one) => one.textContent);
    return {
      time: box.querySelector("output").textContent,
      said: box.querySelector("input").getAttribute("aria-valuetext"),
      rule: shapes.at(-1).x0,
      readings: Object.fromEntries(names.map((name, n) => [name, texts[n]])),
      events: [...box.querySelectorAll("li")].map((one) => one.textContent),
    };
  });
  const first = await now();
  await slider.focus();
  await page.keyboard.press("ArrowRight");
  const next = await now();
  await page.keyboard.press("End");
  return { first, next, last: await now() };
}

async function look(context, file, pictures) {
  const page = await context.newPage();
  const problems = [], requests = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => /^(https?|wss?|ftp):/.test(request.url()) && requests.push(request.url()));
  await page.goto(pathToFileURL(resolve(file)).href);
  await page.waitForSelector("html[data-drawn=yes]", { timeout: 20_000 });
  const found = { ...(await page.evaluate(seen)), slider: await slide(page) };
  // By the protocol of the browser's tools: the page itself lets no script in from outside.
  await page.evaluate(require("axe-core").source);
  found.axe = await page.evaluate(async () => {
    const { violations } = await axe.run();
    return violations.map(({ id, impact, nodes }) => ({ id, impact, where: nodes.slice(0, 3).map((node) => node.html.slice(0, 200)) }));
  });
  if (pictures) {
    mkdirSync(pictures, { recursive: true });
    await page.screenshot({ path: join(pictures, `${basename(file, ".html")}.png`), fullPage: true });
  }
  // What goes on paper is what the page makes of itself before it is printed.
  await page.evaluate(() => addEventListener("beforeprint", () => {
    window.paper = {
      folded: document.querySelectorAll("details.source:not([open])").length,
      widths: [...document.querySelectorAll(".plot .main-svg")].map((one) => Number(one.getAttribute("width"))),
    };
  }));
  const pdf = await page.pdf({ preferCSSPageSize: true, printBackground: true, ...(pictures && { path: join(pictures, `${basename(file, ".html")}.pdf`) }) });
  found.pdf = { bytes: pdf.length, pages: (pdf.toString("latin1").match(/\/Type\s*\/Page\b/g) ?? []).length };
  found.paper = await page.evaluate(() => window.paper);
  await page.close();
  return { ...found, problems, requests };
}

const at = process.argv.indexOf("--pictures");
const pictures = at > 0 ? process.argv[at + 1] : null;
const files = process.argv.slice(2).filter((_, n) => at < 0 || (n + 2 !== at && n + 2 !== at + 1));
const running = await chromium.launch({ headless: true, ...(await browser()) });
try {
  const context = await running.newContext({ offline: true, viewport: { width: 1280, height: 900 } });
  const found = {};
  for (const file of files) found[file] = await look(context, file, pictures);
  process.stdout.write(JSON.stringify(found));
} finally {
  await running.close();
}
