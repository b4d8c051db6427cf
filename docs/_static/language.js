// The switch of language leads to the section that is being read.
for (const link of document.querySelectorAll("a.language-switch")) {
  link.addEventListener("click", () => {
    const sections = [...document.querySelectorAll(".bd-article section[id]")].filter(
      (section) => section.getBoundingClientRect().top < innerHeight / 3,
    );
    link.hash = sections.length > 1 ? sections.at(-1).id : "";
  });
}
