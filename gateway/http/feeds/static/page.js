// Copying the address, and the arrow keys for weeks. The page works without it.
const copy = document.getElementById("copy");
const address = document.getElementById("address");
const copied = document.getElementById("copied");

address.addEventListener("focus", () => address.select());

copy.hidden = false;
copy.addEventListener("click", async () => {
  address.focus();
  address.select();
  try {
    await navigator.clipboard.writeText(address.value);
    copied.textContent = "The address is copied.";
  } catch {
    copied.textContent = document.execCommand("copy")
      ? "The address is copied."
      : "The address is selected; copy it with your keyboard.";
  }
});

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (event.target.closest("input, textarea, select, summary")) return;
  const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  const link = rel && document.querySelector(`a[rel="${rel}"]`);
  if (link) link.click();
});
