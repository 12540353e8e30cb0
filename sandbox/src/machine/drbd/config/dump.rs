//! `drbdadm dump`: a resource as drbdadm prints it.

use super::{Resource, Volume, known};

impl Resource {
    /// The resource's text. `legacy`: as for DRBD 8.4, whose hosts have no numbers.
    pub(crate) fn dump(&self, hostname: &str, legacy: bool) -> String {
        let (file, line) = &self.at;
        let ignored = if self.me(hostname).is_some() { "not ignored" } else { "ignored" };
        let mut text = format!("# resource {} on {hostname}: {ignored}, not stacked\n", self.name);
        text += &format!("# defined at {file}:{line}\nresource {} {{\n", self.name);
        text += &volume(&self.volume, 4, 20);
        for host in &self.hosts {
            text += &format!("    on {} {{\n", quoted(&host.name));
            if !legacy {
                text += &format!("        node-id {};\n", self.node_id(host));
            }
            text += &volume(&host.volume, 8, 16);
            if let Some((family, endpoint)) = &host.address {
                text += &format!("        {:16} {family} {};\n", "address", endpoint.socket());
            }
            text += "    }\n";
        }
        for section in known::SECTIONS {
            let options: Vec<_> = self.options(section).collect();
            if !options.is_empty() {
                let line = |(name, value): &&(String, String)| format!("        {name:16} {:>3};\n", quoted(value));
                text += &format!("    {section} {{\n{}    }}\n", options.iter().map(line).collect::<String>());
            }
        }
        text + "}\n\n"
    }
}

fn volume(volume: &Volume, indent: usize, width: usize) -> String {
    let device = volume.device.as_ref().map(|(device, minor)| ("device", format!("{device} minor {minor}")));
    let disk = volume.disk.as_ref().map(|disk| ("disk", quoted(disk)));
    let meta_disk = volume.meta_disk.then(|| ("meta-disk", "internal".to_owned()));
    let line = |(name, value)| format!("{:indent$}{name:width$} {value};\n", "");
    [device, disk, meta_disk].into_iter().flatten().map(line).collect()
}

/// A word as drbdadm writes it: in quotes if it would not be read back as one word.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/_.:-+".contains(letter);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("\"{word}\"") }
}
