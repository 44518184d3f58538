//! Kernels from files: real ones where the machine has them, made ones, and what is none.
//!
//! Must never need the network; what is not there is skipped aloud.

use super::*;
use crate::TypeId;
use crate::btf::tests::builder::Builder;
use std::collections::HashSet;

/// Debian's kernels that the lab has unpacked here, if it has.
fn packages() -> Vec<PathBuf> {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/lab");
    let mut found: Vec<PathBuf> = ["6.1", "6.12"]
        .map(|series| target.join(series))
        .into_iter()
        .filter(|folder| folder.join("boot").is_dir())
        .collect();
    found.sort();
    if found.is_empty() {
        eprintln!("skipped: the lab has unpacked no kernels (`cargo xtask lab 6.1 -- true` does)");
    }
    found
}

#[test]
fn packages_of_debian() {
    for folder in packages() {
        let kernel = Kernel::open(&folder).unwrap();
        assert!(!kernel.is_running());
        let image = std::fs::read_dir(folder.join("boot")).unwrap().flatten().map(|entry| entry.file_name());
        let image = image.filter_map(|name| name.into_string().ok()).find(|name| name.starts_with("vmlinuz-")).unwrap();
        let release = kernel.release().unwrap();
        assert_eq!(format!("vmlinuz-{release}"), image, "the header's release is the package's");
        assert_eq!(
            (kernel.arch(), release.family(), release.flavour()),
            (Arch::X86_64, crate::Family::Debian, "amd64")
        );
        // As Debian's configuration has it.
        assert_eq!(kernel.config().unwrap().ticks_per_second(), Some(250));
        let switch = kernel.tracepoint(Some("sched"), "sched_switch").unwrap().unwrap();
        assert_eq!(
            switch.params.iter().map(|param| param.name.as_str()).take(3).collect::<Vec<_>>(),
            ["preempt", "prev", "next"]
        );
        assert_eq!(kernel.tracepoint(Some("irq"), "sched_switch").unwrap(), None);
        let events = kernel.events().unwrap().all().unwrap();
        let has = |of: &str, name: &str| events.contains(&(of.to_owned(), name.to_owned()));
        assert!(
            has("irq", "irq_handler_entry") && has("syscalls", "sys_enter_openat") && has("block", "block_rq_issue")
        );
        // The table of symbols by another road: every system call's function is in the types too.
        let symbols = kernel.symbols().unwrap();
        assert!(symbols.len() > 80_000, "{}", symbols.len());
        let code: HashSet<&str> =
            symbols.iter().filter(|symbol| "tTwW".contains(symbol.letter)).map(|symbol| symbol.name).collect();
        let calls: Vec<&str> =
            kernel.function_names().unwrap().into_iter().filter(|name| name.starts_with("__x64_sys_")).collect();
        assert!(calls.len() > 300 && calls.iter().all(|name| code.contains(name)));
        // Where the image's code is linked to on x86.
        assert_eq!(symbols.by_name("_text").unwrap().address, 0xffff_ffff_8100_0000);
        assert!(symbols.by_name("init_task").unwrap().address > 0xffff_ffff_8100_0000);
        assert!(matches!(symbols.by_name("cpu_number").map(|symbol| symbol.letter), None | Some('A' | 'a')));
    }
}

/// A package as `dpkg-deb` makes one.
fn packed(folder: &Path, contents: &Path, how: &str) -> Option<PathBuf> {
    let root = folder.join("root");
    std::fs::create_dir_all(root.join("DEBIAN")).unwrap();
    std::fs::create_dir_all(root.join("boot")).unwrap();
    for entry in std::fs::read_dir(contents.join("boot")).unwrap().flatten() {
        std::fs::copy(entry.path(), root.join("boot").join(entry.file_name())).unwrap();
    }
    let control = "Package: k\nVersion: 1\nArchitecture: amd64\nMaintainer: n <n@n>\nDescription: k\n";
    std::fs::write(root.join("DEBIAN/control"), control).unwrap();
    let file = folder.join(format!("{how}.deb"));
    let made = std::process::Command::new("/usr/bin/dpkg-deb")
        .arg(format!("-Z{how}"))
        .arg("-z1")
        .arg("-b")
        .arg(&root)
        .arg(&file)
        .output();
    match made {
        Ok(output) if output.status.success() => Some(file),
        _ => {
            eprintln!("skipped: no dpkg-deb that packs with {how}");
            None
        }
    }
}

#[test]
fn packed_packages() {
    let Some(contents) = packages().pop() else { return };
    let folder = tempfile::tempdir().unwrap();
    let unpacked = Kernel::open(&contents).unwrap();
    for how in ["xz", "none"] {
        let Some(file) = packed(folder.path(), &contents, how) else { continue };
        let kernel = Kernel::open(&file).unwrap();
        assert_eq!(kernel.release().unwrap(), unpacked.release().unwrap());
        assert_eq!(kernel.config().unwrap(), unpacked.config().unwrap());
        assert!(kernel.btf().unwrap().blob() == unpacked.btf().unwrap().blob(), "{how}");
        let whole = std::fs::read(&file).unwrap();
        for len in [8, 60, 100, 200, 4000, whole.len() / 2] {
            let error = of_bytes(Path::new("cut.deb"), whole[..len].to_vec()).err();
            assert!(error.is_some_and(|error| error.to_string().contains("cut.deb")), "{how}: {len}");
        }
    }
}

fn types() -> Vec<u8> {
    let mut b = Builder::new();
    let int = b.int("int", 4, 1);
    let proto = b.proto(int, &[("regs", TypeId::VOID)]);
    b.func("__x64_sys_read", proto);
    b.structure("task_struct", 4, &[("pid", int, 0, 0)]);
    b.bytes()
}

/// The least ELF file with a section of types: header, the types, names of sections, table of sections.
fn small_elf(types: Option<&[u8]>, banner: &str) -> Vec<u8> {
    let names = b"\0.BTF\0.shstrtab\0";
    let mut file = vec![0u8; 64];
    file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    file[16..18].copy_from_slice(&2u16.to_le_bytes());
    file[18..20].copy_from_slice(&62u16.to_le_bytes());
    file.extend_from_slice(banner.as_bytes());
    let types_at = file.len();
    file.extend_from_slice(types.unwrap_or_default());
    let names_at = file.len();
    file.extend_from_slice(names);
    let sections_at = file.len();
    let mut section = |name: u32, kind: u32, at: usize, len: usize| {
        let mut row = vec![];
        row.extend_from_slice(&name.to_le_bytes());
        row.extend_from_slice(&kind.to_le_bytes());
        row.extend_from_slice(&[0; 16]);
        row.extend_from_slice(&(at as u64).to_le_bytes());
        row.extend_from_slice(&(len as u64).to_le_bytes());
        row.extend_from_slice(&[0; 24]);
        file.extend_from_slice(&row);
    };
    section(0, 0, 0, 0);
    // A name that is not .BTF where there are no types.
    section(if types.is_some() { 1 } else { 2 }, 1, types_at, types.unwrap_or_default().len());
    section(6, 3, names_at, names.len());
    file[40..48].copy_from_slice(&(sections_at as u64).to_le_bytes());
    file[52..54].copy_from_slice(&64u16.to_le_bytes());
    file[58..60].copy_from_slice(&64u16.to_le_bytes());
    file[60..62].copy_from_slice(&3u16.to_le_bytes());
    file[62..64].copy_from_slice(&2u16.to_le_bytes());
    file
}

const BANNER: &str = "%s version %s Linux version %s\0Linux version 6.7.1-arch1-1 (builder@host) #1\0";

/// A bzImage around a payload.
fn small_boot_image(payload: &[u8]) -> Vec<u8> {
    let mut file = vec![0u8; 0x400];
    file[0x1f1] = 1;
    file[0x202..0x206].copy_from_slice(b"HdrS");
    file[0x206..0x208].copy_from_slice(&0x20fu16.to_le_bytes());
    file[0x20e..0x210].copy_from_slice(&0x100u16.to_le_bytes());
    file[0x300..0x314].copy_from_slice(b"6.8.0-31-generic (x)");
    file[0x248..0x24c].copy_from_slice(&16u32.to_le_bytes());
    file[0x24c..0x250].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    file.extend_from_slice(&[0x90; 16]);
    file.extend_from_slice(payload);
    file.extend_from_slice(&[0; 64]);
    file
}

/// The same bytes packed in each way, with the length behind that the kernel's build adds to all but gzip.
fn packings(plain: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    use std::io::Write;
    let len = (plain.len() as u32).to_le_bytes();
    let mut gzip = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    gzip.write_all(plain).unwrap();
    let block = lz4_flex::block::compress(plain);
    let lz4 = [&[0x02, 0x21, 0x4c, 0x18], (block.len() as u32).to_le_bytes().as_slice(), &block, &len].concat();
    let zstd = [zstd::bulk::compress(plain, 19).unwrap(), len.to_vec()].concat();
    vec![("gzip", gzip.finish().unwrap()), ("lz4", lz4), ("zstd", zstd), ("none", plain.to_vec())]
}

#[test]
fn each_packing_of_a_boot_image() {
    let elf = small_elf(Some(&types()), BANNER);
    for (name, payload) in packings(&elf) {
        let kernel = of_bytes(Path::new("vmlinuz"), small_boot_image(&payload)).unwrap();
        assert_eq!(kernel.release().unwrap().as_str(), "6.8.0-31-generic", "{name}");
        assert_eq!(kernel.btf().unwrap().find(Kind::Struct, "task_struct"), Ok(Some(TypeId(4))), "{name}");
        assert!(kernel.symbols().is_err() && kernel.config().is_err());
    }
    let alone = of_bytes(Path::new("vmlinux"), elf).unwrap();
    assert_eq!(alone.release().unwrap().as_str(), "6.7.1-arch1-1", "the banner that has numbers");
    assert_eq!(alone.arch(), Arch::X86_64);
    let types = of_bytes(Path::new("vmlinux.btf"), types()).unwrap();
    assert_eq!(types.arch(), Arch::X86_64, "by its system calls");
    assert!(types.release().is_err());
}

fn refusal(bytes: Vec<u8>) -> String {
    let said = |error: KernelError| error.to_string();
    match of_bytes(Path::new("FILE"), bytes) {
        Err(error) => said(error),
        Ok(kernel) => kernel.btf().map_or_else(said, |_| "taken".to_owned()),
    }
}

#[test]
fn what_is_no_kernel() {
    let refusals = [
        vec![],
        b"#!/bin/sh\n".to_vec(),
        b"hello, this is text".to_vec(),
        small_elf(None, BANNER),
        small_elf(None, "no banner"),
        small_boot_image(b"BZh91AY&SY"),
        small_boot_image(b"\x28\xb5\x2f\xfdgarbage"),
        small_boot_image(&[0; 9])[..0x405].to_vec(),
        {
            let mut old = small_boot_image(b"");
            old[0x206] = 7;
            old[0x207] = 2;
            old
        },
        {
            let mut swapped = types();
            swapped.swap(0, 1);
            swapped
        },
        types()[..30].to_vec(),
        b"!<arch>\n".to_vec(),
    ];
    let said: String = refusals.into_iter().map(|bytes| refusal(bytes) + "\n").collect();
    insta::assert_snapshot!(said);
}

#[test]
fn a_release_is_looked_for_where_distributions_put_it() {
    let root = tempfile::tempdir().unwrap();
    let release = Release::parse("6.8.0-31-generic").unwrap();
    let error = of_release(&release, root.path()).unwrap_err();
    assert!(matches!(error, KernelError::NotInstalled { ref places, .. } if places.len() == IMAGES.len()), "{error}");
    std::fs::create_dir_all(root.path().join("boot")).unwrap();
    let image = small_boot_image(&small_elf(Some(&types()), BANNER));
    std::fs::write(root.path().join("boot/vmlinuz-6.8.0-31-generic"), &image).unwrap();
    std::fs::write(root.path().join("boot/config-6.8.0-31-generic"), "CONFIG_HZ=300\n").unwrap();
    let kernel = of_release(&release, root.path()).unwrap();
    assert_eq!(kernel.config().unwrap().ticks_per_second(), Some(300));
    assert_eq!(Kernel::open(root.path()).unwrap().release().unwrap(), &release);
    std::fs::write(root.path().join("boot/vmlinuz-6.9.0"), &image).unwrap();
    let several = Kernel::open(root.path()).unwrap_err().to_string();
    assert!(several.contains("several kernels") && several.contains("vmlinuz-6.9.0"), "{several}");
}

/// Every byte of small files changed, and every shorter file: an error or a kernel, and no panic.
#[test]
fn damaged_images_are_refused_or_read() {
    let elf = small_elf(Some(&types()), BANNER);
    let mut files: Vec<Vec<u8>> = packings(&elf).into_iter().map(|(_, payload)| small_boot_image(&payload)).collect();
    files.push(elf);
    for file in files {
        // The header's bytes and the first and last of what is packed; what is between is of one kind.
        for at in (0..file.len()).filter(|at| *at < 0x500 && (*at < 80 || *at > 0x1e0) || at + 400 > file.len()) {
            for byte in [0, 0xff, file[at] ^ 1, file[at] ^ 0x80] {
                let mut damaged = file.clone();
                damaged[at] = byte;
                _ = refusal(damaged);
            }
            _ = refusal(file[..at].to_vec());
        }
    }
}

/// A table of symbols in the layout of 6.4 and later, in the middle of other bytes.
fn table(names: &[&str]) -> Vec<u8> {
    let mut image = vec![0xcc; 64];
    let align = |image: &mut Vec<u8>| image.resize(image.len().next_multiple_of(8), 0);
    image.extend_from_slice(&(names.len() as u32).to_le_bytes());
    align(&mut image);
    let mut marks = vec![];
    let start = image.len();
    for (nth, name) in names.iter().enumerate() {
        if nth % 256 == 0 {
            marks.push((image.len() - start) as u32);
        }
        image.push(name.len() as u8);
        image.extend_from_slice(name.as_bytes());
    }
    align(&mut image);
    marks.iter().for_each(|mark| image.extend_from_slice(&mark.to_le_bytes()));
    align(&mut image);
    let mut index = vec![];
    let start = image.len();
    for byte in 0..=255u8 {
        index.push((image.len() - start) as u16);
        // Bytes that stand for themselves where names use them, and for nothing that matters elsewhere.
        image.extend_from_slice(&[if byte.is_ascii_graphic() { byte } else { b'?' }, 0]);
    }
    align(&mut image);
    index.iter().for_each(|offset| image.extend_from_slice(&offset.to_le_bytes()));
    align(&mut image);
    for nth in 0..names.len() as i32 {
        image.extend_from_slice(&(-1 - 16 * nth).to_le_bytes());
    }
    align(&mut image);
    image.extend_from_slice(&0xffff_ffff_8100_0000u64.to_le_bytes());
    image.extend_from_slice(&[0xcc; 32]);
    image
}

#[test]
fn a_table_of_symbols_is_found_by_its_shape() {
    let names: Vec<String> = (0..700).map(|nth| format!("Tfunction_{nth}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let image = table(&names);
    let rows = kallsyms::symbols(&image).unwrap();
    assert_eq!(rows.len(), 700);
    assert_eq!(rows[0], (0xffff_ffff_8100_0000, b'T', "function_0".to_owned()));
    assert_eq!(rows[699], (0xffff_ffff_8100_0000 + 16 * 699, b'T', "function_699".to_owned()));
    let image = table(&names[..300]);
    for at in (0..image.len()).step_by(7) {
        let mut damaged = image.clone();
        damaged[at] ^= 0x55;
        _ = kallsyms::symbols(&damaged);
        assert!(at > image.len() - 32 || kallsyms::symbols(&image[..at]).is_none(), "{at}");
    }
}

/// A raw image for ARM: header, banner, something that begins as types do, and types.
fn raw_image() -> Vec<u8> {
    let mut b = Builder::new();
    let int = b.int("int", 4, 1);
    b.structure("task_struct", 4, &[("pid", int, 0, 0)]);
    let mut bytes = vec![0; 56];
    bytes.extend(b"ARM\x64\0\0\0\0Linux version 6.1.0-50-arm64 (debian) #1\0");
    bytes.extend([0x9f, 0xeb, 1, 0, 24, 0, 0, 0, 1, 2, 3]);
    bytes.extend(b.bytes());
    bytes.extend([7; 100]);
    bytes
}

#[test]
fn raw_images_have_their_types_found() {
    let kernel = of_bytes(Path::new("Image"), raw_image()).unwrap();
    assert_eq!((kernel.arch(), kernel.release().unwrap().as_str()), (Arch::Aarch64, "6.1.0-50-arm64"));
    assert_eq!(kernel.btf().unwrap().find(Kind::Struct, "task_struct"), Ok(Some(TypeId(2))));
    assert!(matches!(kernel.symbols(), Err(KernelError::NotRecorded { .. })));
    // One that unpacks itself: offset and length of the gzip in it, behind the magic.
    let mut packer = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
    std::io::Write::write_all(&mut packer, &raw_image()).unwrap();
    let packed = packer.finish().unwrap();
    let mut zboot = b"MZ\0\0zimg".to_vec();
    zboot.extend([64_u32.to_le_bytes(), (packed.len() as u32).to_le_bytes()].concat());
    zboot.resize(64, 0);
    zboot.extend(&packed);
    let kernel = of_bytes(Path::new("vmlinuz"), zboot).unwrap();
    assert_eq!(kernel.btf().unwrap().find(Kind::Struct, "task_struct"), Ok(Some(TypeId(2))));
}

#[test]
fn a_raw_image_that_is_damaged_is_told() {
    let whole = raw_image();
    for end in 60..whole.len() - 100 {
        match of_bytes(Path::new("Image"), whole[..end].to_vec()) {
            Ok(kernel) => assert!(matches!(kernel.btf(), Err(KernelError::ImageWithoutBtf { .. })), "cut at {end}"),
            Err(error) => assert!(matches!(error, KernelError::NotAKernel { .. }), "cut at {end}: {error}"),
        }
    }
}

#[test]
fn a_kernel_of_32_bits_is_told() {
    let mut bytes = b"\x7fELF\x01\x01\x01".to_vec();
    bytes.resize(4096, 0);
    let error = of_bytes(Path::new("vmlinux"), bytes).unwrap_err();
    assert_eq!(error.to_string(), "vmlinux is no kernel: it is of 32 bits, and only kernels of 64 bits are traced");
}
