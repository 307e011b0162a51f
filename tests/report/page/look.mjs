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

// Runs in the page: texts of charts that cover each other.
const covered = () => {
  const found = [];
  for (const plot of document.querySelectorAll(".plot")) {
    const texts = [...plot.querySelectorAll("text")].filter((one) => one.textContent && one.getBoundingClientRect().width);
    const boxes = texts.map((one) => one.getBoundingClientRect());
    boxes.forEach((a, i) => boxes.slice(0, i).forEach((b, j) => {
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 3 && down > 3) found.push(`${plot.id}: "${texts[j].textContent}" and "${texts[i].textContent}"`);
    }));
  }
  return found;
};

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
    commands: [...document.querySelectorAll("main section > pre")].map((one) => one.textContent),
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

// What pointing at the last setting of a front shows.
async function point(page) {
  const mark = page.locator("[id^=front-] .scatterlayer .trace:last-of-type .point").first();
  if (!(await mark.count())) return null;
  await mark.scrollIntoViewIfNeeded();
  const box = await mark.boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  const shown = page.locator("[id^=front-] .hoverlayer .hovertext").first();
  await shown.waitFor({ timeout: 5_000 });
  const lines = await shown.locator("tspan").allTextContents();
  await page.mouse.move(0, 0);
  return lines.length ? lines : [await shown.textContent()];
}

// The same page on a telephone.
async function telephone(page, file) {
  await page.setViewportSize({ width: 390, height: 844 });
  await page.goto(pathToFileURL(resolve(file)).href);
  await page.waitForSelector("html[data-drawn=yes]", { timeout: 20_000 });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  return { wide, covered: await page.evaluate(covered) };
}

async function look(context, file, pictures) {
  const page = await context.newPage();
  const problems = [], requests = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("request", (request) => /^(https?|wss?|ftp):/.test(request.url()) && requests.push(request.url()));
  await page.goto(pathToFileURL(resolve(file)).href);
  await page.waitForSelector("html[data-drawn=yes]", { timeout: 20_000 });
  const found = { ...(await page.evaluate(seen)), covered: await page.evaluate(covered), slider: await slide(page), hover: await point(page) };
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
  found.telephone = await telephone(page, file);
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
