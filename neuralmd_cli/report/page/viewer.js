"use strict";
// The 3-D view: the ligand, frame by frame, in its pocket.
(() => {
  const scene = report.data.scene;
  if (!scene) return;
  const at = (id) => document.getElementById(id);
  const slider = at("frame");
  const ligand = scene.ligand;
  const start = report.unpack(ligand.start);
  let frame = 0;
  let playing = 0;
  let film = scene.films[0];
  let coordinates = report.unpack(film.coordinates);

  let viewer = null;
  try {
    viewer = $3Dmol.createViewer(at("viewer"), {
      backgroundColor: "white", antialias: true, hoverDuration: 50,
    });
  } catch (error) {
    viewer = null;
  }
  if (!viewer) {
    at("noview").hidden = false;
  }

  const atoms = (elements, names, places, bonds, residue) => {
    const found = elements.map((elem, k) => ({
      elem, atom: names[k], serial: k, index: k, hetflag: true,
      x: places[3 * k], y: places[3 * k + 1], z: places[3 * k + 2],
      resn: residue(k), bonds: [], bondOrder: [],
    }));
    bonds.forEach(([a, b, order]) => {
      found[a].bonds.push(b); found[a].bondOrder.push(order || 1);
      found[b].bonds.push(a); found[b].bondOrder.push(order || 1);
    });
    return found;
  };

  const CARBON = "#0b7a75";
  const colours = report.data.atoms ? report.data.atoms.colours : null;
  const ligandStyle = () => {
    if (at("shade").value === "rmsf" && colours) {
      const colorfunc = (a) => colours[a.serial];
      return { stick: { radius: 0.2, colorfunc }, sphere: { radius: 0.34, colorfunc } };
    }
    const colorfunc = (a) => (a.elem === "C" ? CARBON : $3Dmol.elementColors.Jmol[a.elem] || 0xb000b0);
    return { stick: { radius: 0.17, colorfunc }, sphere: { radius: 0.26, colorfunc } };
  };
  const ghostStyle = () => (at("ghost").checked
    ? { stick: { radius: 0.1, color: "#8a8f96", opacity: 0.55 } } : {});
  const pocketStyle = () => {
    if (!at("pocket").checked) return {};
    const colorfunc = (a) => (a.elem === "C" ? "#b9a98a" : $3Dmol.elementColors.Jmol[a.elem] || 0x909090);
    return { stick: { radius: 0.085, colorfunc } };
  };
  const ribbonStyle = () => (at("ribbon").checked
    ? { cartoon: { color: "#aebfce", opacity: 0.45 } } : {});

  let moving = null;
  let ghost = null;
  let pocket = null;
  let ribbon = null;
  let ghostAtoms = null;
  if (viewer) {
    const build = (places) => atoms(ligand.atoms, ligand.names, places, ligand.bonds, () => ligand.name);
    if (scene.backbone) {
      ribbon = viewer.addModel(scene.backbone, "pdb");
      ribbon.setStyle({}, ribbonStyle());
    }
    if (scene.pocket) {
      const p = scene.pocket;
      pocket = viewer.addModel();
      pocket.addAtoms(atoms(p.atoms, p.names, report.unpack(p.start), p.bonds, (k) => p.residues[p.owners[k]]));
      pocket.setStyle({}, pocketStyle());
    }
    ghost = viewer.addModel();
    ghostAtoms = build(start);
    ghost.addAtoms(ghostAtoms);
    ghost.setStyle({}, ghostStyle());
    moving = viewer.addModel();
    moving.addAtoms(build(start));
    moving.setStyle({}, ligandStyle());
    let label = null;
    const show = (atom) => {
      if (label) viewer.removeLabel(label);
      label = viewer.addLabel(`${atom.resn} ${atom.atom}`, {
        position: { x: atom.x, y: atom.y, z: atom.z }, inFront: true, fontSize: 13,
        backgroundColor: "#17212b", backgroundOpacity: 0.85, fontColor: "white",
      });
      viewer.render();
    };
    const hide = () => {
      if (label) { viewer.removeLabel(label); label = null; viewer.render(); }
    };
    [pocket, moving].filter(Boolean).forEach((model) => {
      model.setHoverable({}, true, show, hide);
      model.setClickable({}, true, show);
    });
  }

  const centre = () => {
    if (!viewer) return;
    viewer.zoomTo({ model: moving });
    viewer.zoom(0.72);
    viewer.render();
  };

  let residueLabels = [];
  const nameResidues = () => {
    residueLabels.forEach((label) => viewer.removeLabel(label));
    residueLabels = [];
    if (!scene.pocket || !at("labels").checked) { viewer.render(); return; }
    const held = pocket.selectedAtoms({});
    scene.pocket.residues.forEach((text, k) => {
      const own = held.filter((a) => scene.pocket.owners[a.serial] === k);
      const place = own.find((a) => a.atom === "CA") || own[0];
      if (!place) return;
      residueLabels.push(viewer.addLabel(text, {
        position: { x: place.x, y: place.y, z: place.z }, inFront: true, fontSize: 11,
        backgroundColor: "white", backgroundOpacity: 0.75, fontColor: "#17212b",
      }));
    });
    viewer.render();
  };

  const place = (model, offset, style) => {
    model.selectedAtoms({}).forEach((a) => {
      const k = 3 * (offset + a.serial);
      [a.x, a.y, a.z] = [coordinates[k], coordinates[k + 1], coordinates[k + 2]];
    });
    model.setStyle({}, style);
  };

  const strip = at("strip");
  const drawStrip = () => {
    const ratio = window.devicePixelRatio || 1;
    const width = strip.clientWidth;
    const height = strip.clientHeight;
    strip.width = width * ratio;
    strip.height = height * ratio;
    const pen = strip.getContext("2d");
    pen.scale(ratio, ratio);
    const values = film.rmsd;
    const top = Math.max(0.5, ...values.filter((v) => v !== null)) * 1.1;
    const inset = 8; // the slider's thumb stands that far in
    const x = (k) => inset + (width - 2 * inset) * (values.length > 1 ? k / (values.length - 1) : 0.5);
    const y = (v) => height - 2 - (height - 6) * (v / top);
    pen.strokeStyle = "#8fa3b5";
    pen.lineWidth = 1.3;
    pen.beginPath();
    values.forEach((v, k) => { if (v !== null) pen.lineTo(x(k), y(v)); });
    pen.stroke();
    if (values[frame] !== null && values[frame] !== undefined) {
      pen.fillStyle = "#0b5a8f";
      pen.beginPath();
      pen.arc(x(frame), y(values[frame]), 4, 0, 7);
      pen.fill();
    }
  };

  const show = (k) => {
    frame = Math.max(0, Math.min(film.frames - 1, k));
    slider.value = frame;
    const time = `${film.timelabel.replace(/.*\((.*)\)/, "$1")}`;
    const when = film.timelabel === "snapshot" ? "" : `${film.times[frame].toFixed(2)} ${time}`;
    const moved = film.rmsd[frame] === null ? "" : `RMSD ${film.rmsd[frame].toFixed(2)} Å`;
    const number = frame * film.every + 1;
    at("where").textContent = `snapshot ${number}`;
    slider.setAttribute("aria-valuetext", `snapshot ${number}, ${when}, ${moved}`);
    at("readout").textContent = [when, moved].filter(Boolean).join("  ·  ");
    drawStrip();
    if (!viewer) return;
    const n = film.atoms;
    const whole = coordinates.subarray(3 * n * frame, 3 * n * (frame + 1));
    const kept = coordinates;
    coordinates = whole;
    place(moving, 0, ligandStyle());
    if (pocket && n > ligand.atoms.length) place(pocket, ligand.atoms.length, pocketStyle());
    coordinates = kept;
    viewer.render();
  };

  const stop = () => {
    cancelAnimationFrame(playing);
    playing = 0;
    at("play").textContent = "Play";
    at("play").setAttribute("aria-pressed", "false");
  };
  const play = () => {
    let last = performance.now();
    const tick = (now) => {
      playing = requestAnimationFrame(tick);
      if (now - last < 1000 / Number(at("speed").value)) return;
      last = now;
      show((frame + 1) % film.frames);
    };
    at("play").textContent = "Pause";
    at("play").setAttribute("aria-pressed", "true");
    playing = requestAnimationFrame(tick);
  };

  const load = (k) => {
    film = scene.films[k];
    coordinates = report.unpack(film.coordinates);
    slider.max = film.frames - 1;
    show(Math.min(frame, film.frames - 1));
  };

  at("play").addEventListener("click", () => (playing ? stop() : play()));
  slider.addEventListener("input", () => { stop(); show(Number(slider.value)); });
  at("shade").addEventListener("change", () => show(frame));
  at("centre").addEventListener("click", centre);
  const toggled = (id, act) => at(id).addEventListener("change", () => { if (viewer) act(); });
  toggled("ghost", () => { ghost.setStyle({}, ghostStyle()); viewer.render(); });
  toggled("pocket", () => { if (pocket) { pocket.setStyle({}, pocketStyle()); viewer.render(); } });
  toggled("ribbon", () => { if (ribbon) { ribbon.setStyle({}, ribbonStyle()); viewer.render(); } });
  toggled("labels", nameResidues);
  if (!scene.pocket) ["pocket", "labels"].forEach((id) => { at(id).parentElement.hidden = true; });
  if (!scene.backbone) at("ribbon").parentElement.hidden = true;
  if (!colours) at("shade").parentElement.hidden = true;
  report.onChoice(load);
  report.seek = (k) => { stop(); show(k); };
  window.addEventListener("resize", () => { if (viewer) viewer.resize(); drawStrip(); });
  window.addEventListener("beforeprint", () => {
    if (!viewer) return;
    viewer.render();
    at("still").src = viewer.pngURI();
  });
  load(0);
  centre();
})();
