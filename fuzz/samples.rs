//! Writes the samples of every entry to where the fuzzer looks for them: `corpus/<name>/`.

#[path = "entries.rs"]
mod entries;

fn main() -> std::io::Result<()> {
    for entry in entries::ENTRIES {
        let _ = entry.run;
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(entry.name);
        std::fs::create_dir_all(&folder)?;
        for (number, sample) in entry.samples.iter().enumerate() {
            std::fs::write(folder.join(format!("sample-{number}")), sample)?;
        }
    }
    Ok(())
}
