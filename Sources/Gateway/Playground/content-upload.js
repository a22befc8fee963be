// Adding files: a session on the node holds what was sent until it is pinned, and files go there piece by piece, so that
// neither this page nor the node ever holds a whole one.

import { call } from "./content-calls.js";

const largestFolder = 100_000;

/**
 * Adds files, each `{ path, file }`, as one file or one folder, and pins the root. `progress` is told the bytes sent so far
 * and the sum of all. Gives `{ cid, size, name }`.
 */
export async function addFiles(files, name, progress) {
  const total = files.reduce((sum, { file }) => sum + file.size, 0);
  const { session, piece_bytes: pieceBytes } = await call("POST", "/sessions?profile=unixfs-v1-2025");
  let sent = 0;
  try {
    const entries = [];
    for (const { path, file } of files) {
      const entry = await sendFile(session, file, pieceBytes, (count) => {
        sent += count;
        progress(sent, total);
      });
      entries.push({ path, ...entry });
    }
    const isFolder = files.length > 1 || files[0].path.includes("/");
    const root = isFolder
      ? await call("POST", `/sessions/${session}/folder`, {
        body: JSON.stringify({ entries: withoutCommonRoot(entries) }),
        type: "application/json",
      })
      : entries[0];
    await call("POST", `/sessions/${session}/pin`, {
      body: JSON.stringify({ cid: root.cid, name: name.slice(0, 120) }),
      type: "application/json",
      seconds: 600,
    });
    return { cid: root.cid, size: total, name };
  } finally {
    await call("DELETE", `/sessions/${session}`).catch(() => null);
  }
}

async function sendFile(session, file, pieceBytes, sent) {
  const { file: number } = await call("POST", `/sessions/${session}/files`);
  for (let offset = 0; offset < file.size; offset += pieceBytes) {
    const piece = file.slice(offset, offset + pieceBytes);
    await call("PUT", `/sessions/${session}/files/${number}?offset=${offset}`, {
      body: piece,
      type: "application/octet-stream",
      seconds: 300,
    });
    sent(piece.size);
  }
  return await call("POST", `/sessions/${session}/files/${number}/finish`, { seconds: 300 });
}

/** A folder that was dropped is the root itself; its own name does not come twice. */
function withoutCommonRoot(entries) {
  const first = entries[0].path.split("/")[0];
  if (!entries.every(({ path }) => path.startsWith(`${first}/`))) return entries;
  return entries.map((entry) => ({ ...entry, path: entry.path.slice(first.length + 1) }));
}

/** What was dropped, as lists of `{ path, file }`: one list for each file or folder. */
export async function droppedItems(transfer) {
  const roots = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (roots.length === 0) return [...transfer.files].map((file) => ({ name: file.name, files: [{ path: file.name, file }] }));
  const items = [];
  for (const root of roots) {
    const files = [];
    await walk(root, "", files);
    if (files.length > 0) items.push({ name: root.name, files });
  }
  return items;
}

async function walk(entry, prefix, files) {
  if (files.length >= largestFolder) throw new Error(`A folder of more than ${largestFolder} files is for the command line.`);
  if (entry.isFile) {
    const file = await new Promise((done, failed) => entry.file(done, failed));
    files.push({ path: prefix + entry.name, file });
    return;
  }
  const reader = entry.createReader();
  while (true) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (some.length === 0) return;
    for (const each of some) await walk(each, `${prefix}${entry.name}/`, files);
  }
}
